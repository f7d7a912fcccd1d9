//! Compresses what compressing makes smaller.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::DecodeError;
use super::bytes::{Reader, put_varint};

/// Events are not unpacked to more than this; an item of the store holds 400 KB packed.
pub(super) const EVENTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The parts of a manifest are not unpacked to more than this.
pub(super) const MANIFEST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// zstd's own default.
const LEVEL: i32 = 3;

/// Below this, a frame's header eats up what compressing gains.
const TRY_FROM_BYTES: usize = 64;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

thread_local! {
    // A compressor's tables are large; making them anew for each block costs more than packing it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::new().ok());
}

/// Appends a payload, packed if that is smaller; at most one byte more than the payload.
///
/// # Panics
/// If the payload is larger than `bytes_max`, so that it could not be unpacked again.
pub(super) fn pack(out: &mut Vec<u8>, payload: &[u8], bytes_max: usize) {
    assert!(
        payload.len() <= bytes_max,
        "{} bytes are too many to encode",
        payload.len()
    );
    let mut head = vec![ZSTD];
    put_varint(&mut head, payload.len() as u64);
    match compress(payload).filter(|packed| head.len() + packed.len() < 1 + payload.len()) {
        Some(packed) => {
            out.extend_from_slice(&head);
            out.extend_from_slice(&packed);
        }
        None => {
            out.push(PLAIN);
            out.extend_from_slice(payload);
        }
    }
}

fn compress(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() < TRY_FROM_BYTES {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(payload).ok())
}

/// Hands what [`pack`] appended, to the end of the bytes, to `read`, which has to read all of it.
pub(super) fn unpack<T>(
    mut reader: Reader<'_>,
    bytes_max: usize,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let unpacked;
    let mut payload = match reader.byte()? {
        PLAIN => reader,
        ZSTD => {
            unpacked = decompress(reader, bytes_max)?;
            Reader::new(&unpacked)
        }
        _ => return Err(DecodeError::Corrupt("the packing is unknown")),
    };
    let value = read(&mut payload)?;
    payload.finish()?;
    Ok(value)
}

fn decompress(mut reader: Reader<'_>, bytes_max: usize) -> Result<Vec<u8>, DecodeError> {
    let length: usize = reader.number()?;
    if length > bytes_max {
        return Err(DecodeError::Corrupt("it unpacks to too much"));
    }
    let damaged = DecodeError::Corrupt("it cannot be unpacked");
    let unpacked = DECOMPRESSOR
        .with_borrow_mut(|decompressor| {
            decompressor
                .as_mut()?
                .decompress(reader.rest(), length)
                .ok()
        })
        .ok_or(damaged)?;
    if unpacked.len() == length {
        Ok(unpacked)
    } else {
        Err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        unpack(Reader::new(bytes), EVENTS_BYTES_MAX, |reader| {
            Ok(reader.rest().to_vec())
        })
    }

    #[test]
    fn what_repeats_is_packed() {
        let mut out = Vec::new();
        pack(&mut out, &[7; 10_000], EVENTS_BYTES_MAX);
        assert!(out.len() < 100, "{}", out.len());
        assert_eq!(unpacked(&out), Ok(vec![7; 10_000]));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let mut out = vec![ZSTD];
        put_varint(&mut out, EVENTS_BYTES_MAX as u64 + 1);
        assert_eq!(
            unpacked(&out),
            Err(DecodeError::Corrupt("it unpacks to too much"))
        );
        let mut honest = Vec::new();
        pack(&mut honest, &[7; 10_000], EVENTS_BYTES_MAX);
        let mut lying = vec![ZSTD];
        put_varint(&mut lying, 100);
        lying.extend_from_slice(&honest[3..]);
        assert_eq!(
            unpacked(&lying),
            Err(DecodeError::Corrupt("it cannot be unpacked"))
        );
    }

    proptest! {
        #[test]
        fn every_payload_reads_back(payload in proptest::collection::vec(0..20_u8, 0..300)) {
            let mut out = Vec::new();
            pack(&mut out, &payload, EVENTS_BYTES_MAX);
            prop_assert!(out.len() <= 1 + payload.len());
            prop_assert_eq!(unpacked(&out), Ok(payload));
        }

        #[test]
        fn any_bytes_are_unpacked_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = unpacked(&bytes);
            let _ = unpacked(&[&[ZSTD, 100, 0x28, 0xb5, 0x2f, 0xfd], &bytes[..]].concat());
        }
    }
}
