//! The message with which a member takes part in a sync (G-21): for each service, what the member
//! says of itself.
//!
//! `0`, the view id (epoch 8, coordinator: node id 4, incarnation 8, salt 16), then for each
//! service its id (1), the size of its part (4) and the part. Unknown services are passed over; a
//! service that is not named has nothing to say: the sender may be of a release without it.

use crate::{
    barriers::Barriers,
    configuration::Configuration,
    fencing::Fencing,
    groups::Groups,
    ports::Ports,
    reader::{Malformed, Reader},
    service::Service,
};
use bytes::Bytes;
use cman_types::{Epoch, Incarnation, MemberId, NodeId, Salt, ViewId};

/// The first byte of a part of a sync.
pub(crate) const SYNC: u8 = 0;

/// What a member says of itself in one view.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    /// The view. Left over from another, the message says nothing.
    pub(crate) view: ViewId,
    pub(crate) barriers: <Barriers as Service>::Part,
    pub(crate) fencing: <Fencing as Service>::Part,
    pub(crate) groups: <Groups as Service>::Part,
    pub(crate) ports: <Ports as Service>::Part,
    pub(crate) configuration: <Configuration as Service>::Part,
}

impl State {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = vec![SYNC];
        put_view(&self.view, &mut bytes);
        put_part::<Barriers>(&self.barriers, &mut bytes);
        put_part::<Fencing>(&self.fencing, &mut bytes);
        put_part::<Groups>(&self.groups, &mut bytes);
        put_part::<Ports>(&self.ports, &mut bytes);
        put_part::<Configuration>(&self.configuration, &mut bytes);
        bytes.into()
    }

    /// From what follows the first byte.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let view = view(&mut reader)?;
        let (mut barriers, mut fencing, mut groups, mut ports) = (None, None, None, None);
        let mut configuration = None;
        while reader.left() > 0 {
            let service = reader.byte()?;
            let size = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
            let part = reader.take(size)?;
            match service {
                Barriers::ID => read_part::<Barriers>(part, &mut barriers)?,
                Fencing::ID => read_part::<Fencing>(part, &mut fencing)?,
                Groups::ID => read_part::<Groups>(part, &mut groups)?,
                Ports::ID => read_part::<Ports>(part, &mut ports)?,
                Configuration::ID => read_part::<Configuration>(part, &mut configuration)?,
                _ => {}
            }
        }
        Ok(Self {
            view,
            barriers: barriers.unwrap_or_default(),
            fencing: fencing.unwrap_or_default(),
            groups: groups.unwrap_or_default(),
            ports: ports.unwrap_or_default(),
            configuration: configuration.unwrap_or_default(),
        })
    }
}

/// Each service speaks once.
fn read_part<S: Service>(bytes: &[u8], into: &mut Option<S::Part>) -> Result<(), Malformed> {
    match into.replace(S::decode_part(bytes)?) {
        None => Ok(()),
        Some(_) => Err(Malformed),
    }
}

fn put_part<S: Service>(part: &S::Part, into: &mut Vec<u8>) {
    into.push(S::ID);
    let size_at = into.len();
    into.extend([0; 4]);
    S::encode_part(part, into);
    // A part is bounded far below 4 GiB.
    let size = u32::try_from(into.len() - size_at - 4).unwrap_or(u32::MAX);
    if let Some(place) = into.get_mut(size_at..size_at + 4) {
        place.copy_from_slice(&size.to_be_bytes());
    }
}

fn put_view(view: &ViewId, into: &mut Vec<u8>) {
    into.extend(view.epoch.0.to_be_bytes());
    into.extend(view.coordinator.node.get().to_be_bytes());
    into.extend(view.coordinator.incarnation.0.to_be_bytes());
    into.extend(view.coordinator.salt.0);
}

fn view(reader: &mut Reader<'_>) -> Result<ViewId, Malformed> {
    let epoch = Epoch(reader.u64()?);
    let node = NodeId::new(reader.u32()?).ok_or(Malformed)?;
    let incarnation = Incarnation(reader.u64()?);
    let salt = Salt(reader.array()?);
    Ok(ViewId { epoch, coordinator: MemberId { node, incarnation, salt } })
}
