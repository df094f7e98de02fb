//! Operations of ports to bytes and back: section 4 of the page.

use super::set::{PortSet, SIZE};
use crate::reader::{Malformed, Reader};
use bytes::Bytes;
use cman_types::NodeId;
use core::ops::Range;

/// The first byte of operations of ports.
pub(super) const ID: u8 = 2;

const OPEN: u8 = 1;
const CLOSE: u8 = 2;
const MESSAGE: u8 = 3;

/// Bytes of a message in front of its payload.
const MESSAGE_HEAD: usize = 1 + 1 + 4 + 1 + 1;

/// What a node says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// A port of it is bound.
    Open { port: u8 },
    /// A port of it is bound no more.
    Close { port: u8 },
    /// A message.
    Message {
        /// To which node; to all if none.
        to: Option<NodeId>,
        port: u8,
        /// The port of its sender; 0 if it has none.
        from: u8,
        /// Where in the operation the payload is.
        payload: Range<usize>,
    },
}

pub(super) fn open(port: u8) -> Bytes {
    vec![ID, OPEN, port].into()
}

pub(super) fn close(port: u8) -> Bytes {
    vec![ID, CLOSE, port].into()
}

pub(super) fn message(to: Option<NodeId>, port: u8, from: u8, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(MESSAGE_HEAD + payload.len());
    bytes.extend([ID, MESSAGE]);
    bytes.extend(to.map_or(0, NodeId::get).to_be_bytes());
    bytes.extend([port, from]);
    bytes.extend(payload);
    bytes.into()
}

/// An operation, of which the first byte is [`ID`].
pub(super) fn decode(bytes: &[u8]) -> Result<Operation, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != ID {
        return Err(Malformed);
    }
    let operation = match reader.byte()? {
        OPEN => Operation::Open { port: client_port(&mut reader)? },
        CLOSE => Operation::Close { port: client_port(&mut reader)? },
        MESSAGE => {
            let to = NodeId::new(reader.u32()?);
            let (port, from) = (client_port(&mut reader)?, reader.byte()?);
            return Ok(Operation::Message { to, port, from, payload: MESSAGE_HEAD..bytes.len() });
        }
        _ => return Err(Malformed),
    };
    reader.finish()?;
    Ok(operation)
}

/// PT-01: any but 0.
fn client_port(reader: &mut Reader<'_>) -> Result<u8, Malformed> {
    match reader.byte()? {
        0 => Err(Malformed),
        port => Ok(port),
    }
}

pub(super) fn decode_part(bytes: &[u8]) -> Result<PortSet, Malformed> {
    let mut reader = Reader::new(bytes);
    let set = PortSet::from_bytes(reader.array::<SIZE>()?).ok_or(Malformed)?;
    reader.finish()?;
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn encode(operation: &Operation, text: &[u8]) -> Bytes {
        match operation {
            Operation::Open { port } => open(*port),
            Operation::Close { port } => close(*port),
            Operation::Message { to, port, from, payload } => {
                message(*to, *port, *from, &text[payload.clone()])
            }
        }
    }

    /// Section 4 of the page.
    #[test]
    fn bytes_are_as_specified() {
        assert_eq!(open(11), &b"\x02\x01\x0b"[..]);
        assert_eq!(close(177), &b"\x02\x02\xb1"[..]);
        let to = NodeId::new(0x0102_0304);
        assert_eq!(message(to, 11, 12, b"text"), &b"\x02\x03\x01\x02\x03\x04\x0b\x0ctext"[..]);
        assert_eq!(message(None, 1, 0, b""), &b"\x02\x03\0\0\0\0\x01\0"[..]);
    }

    #[test]
    fn operations_end_where_they_should() {
        for bad in [
            &b""[..],
            b"\x02",
            b"\x02\x01",
            b"\x02\x01\x00",
            b"\x02\x02\x00",
            b"\x02\x01\x0b!",
            b"\x02\x03\0\0\0\0\x01",
            b"\x02\x03\0\0\0\0\0\x01",
            b"\x02\x04\x0b",
            b"\x01\x01\x0b",
        ] {
            assert_eq!(decode(bad), Err(Malformed), "{bad:?}");
        }
        assert_eq!(decode_part(&[0xff; SIZE + 1]), Err(Malformed));
        assert_eq!(decode_part(&[0xff; SIZE - 1]), Err(Malformed));
        assert_eq!(decode_part(&[0; SIZE]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back_the_same(kind in 1u8..4, rest in vec(any::<u8>(), 0..40)) {
            let bytes = [&[ID, kind][..], &rest].concat();
            if let Ok(operation) = decode(&bytes) {
                prop_assert_eq!(encode(&operation, &bytes), bytes);
            }
        }
    }
}
