//! The integration key, and how to read it again.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use weir_collector::SourceError;
use weir_collector::secrets::SecretText;

/// Reads the key as it is now.
pub type KeyRenewal =
    Box<dyn Fn() -> BoxFuture<'static, Result<SecretText, SourceError>> + Send + Sync>;

/// The integration key, and how to read it again. Cheap to clone; clones share what was read.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    text: Mutex<SecretText>,
    renewal: Option<KeyRenewal>,
}

impl Key {
    /// A key that stays as it is.
    pub fn new(text: SecretText) -> Key {
        Key(Arc::new(Inner {
            text: Mutex::new(text),
            renewal: None,
        }))
    }

    /// A key that is read again when Pendo refuses it: it may have been changed.
    pub fn renewing(text: SecretText, renewal: KeyRenewal) -> Key {
        Key(Arc::new(Inner {
            text: Mutex::new(text),
            renewal: Some(renewal),
        }))
    }

    /// The key as it was last read.
    pub(crate) async fn text(&self) -> SecretText {
        self.0.text.lock().await.clone()
    }

    /// Says whether there is another key than the one that was refused; reads it if nobody has.
    pub(crate) async fn is_other_than(&self, refused: &SecretText) -> Result<bool, SourceError> {
        let mut text = self.0.text.lock().await;
        if let Some(renewal) = self.0.renewal.as_ref().filter(|_| *text == *refused) {
            *text = renewal().await?;
        }
        Ok(*text != *refused)
    }
}

/// A secret is not shown.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}
