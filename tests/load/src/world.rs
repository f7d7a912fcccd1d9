//! A server in this process, in memory, for tests of the program itself.

use std::sync::Arc;

use weir::serve::{self, Config, Running, Storage};
use weir_model::{Day, Series};
use weir_service::auth::Scopes;
use weir_service::clients::Registration;
use weir_store::{Detail, SystemClock};

use crate::target::Target;

pub(crate) struct World {
    pub(crate) target: Target,
    running: Running,
}

impl World {
    pub(crate) async fn start() -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = Config {
            listen: Some(listen),
            ..Config::quiet(Storage::Memory, Arc::new(SystemClock))
        };
        let running = serve::start(config).await.unwrap();
        let registration = Registration {
            label: "a test".to_owned(),
            scopes: Scopes::ALL,
            rate: None,
            id: None,
            secret: None,
        };
        let client = running.service().register(registration).await.unwrap();
        let server = format!("http://{}", running.address().unwrap());
        let (id, secret) = (client.client.id.to_string(), client.secret.expose());
        let target = Target::connect(&server, &id, secret).await.unwrap();
        Self { target, running }
    }

    /// Blocks of a series that no manifest has taken.
    pub(crate) async fn waiting_blocks(&self, (namespace, name): (&str, &str)) -> usize {
        let store = &self.running.service().store;
        let series = Series::parse(namespace, name).unwrap();
        let deadline = self.running.service().registry_deadline();
        let extent = store.extent(&series, deadline).await.unwrap();
        let all = (Day::first_of_year(1970), Day::last_of_year(9999));
        let view = store.begin_view();
        let days = store.days(&series, &extent, all, |_| Detail::Day, view);
        let days = days.await.unwrap();
        days.iter().map(weir_store::DayView::waiting_blocks).sum()
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}
