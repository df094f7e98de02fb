//! Two nodes on a perfect network, one of which is recorded as the daemon records its node.

use super::*;
use crate::cipher::SimCipher;
use cman_node::{
    ClientRequest, Command, Destination, GroupRequest, Peer, PortRequest, Session, Setup, Stored,
    Transmit, WIRE_VERSIONS,
};
use cman_record::{Recorder, Witness, recorder::append_check};
use cman_types::{Amendment, Epoch, GroupName, Incarnation, NodeId, Salt};
use core::time::Duration;

const STEP: Duration = Duration::from_millis(5);

fn setup(me: u8) -> Setup {
    let address = |id: u8| SocketAddr::from(([10, 0, 0, id], 5405));
    let node = |id: u8| NodeId::new(u32::from(id)).unwrap();
    let peer = |id| Peer { id: node(id), votes: 1, address: Some(address(id)) };
    Setup {
        me: node(me),
        incarnation: Incarnation(7),
        salt: Salt([me; 16]),
        seed: u64::from(me),
        address: address(me),
        cluster_name: "alpha".into(),
        cluster_id: 1,
        config_version: 1,
        peers: vec![peer(1), peer(2)],
        expected_votes: 2,
        two_node: false,
        wait_for_all: false,
        token: Duration::from_secs(1),
        multicast: true,
        wire_versions: WIRE_VERSIONS,
        epoch_ceiling: None,
        wall_seconds: 1000,
        removed: false,
        raised: Epoch(0),
        device_poll: Duration::from_secs(10),
        observe: false,
    }
}

/// The recorded node and its neighbour.
struct Pair {
    now: Instant,
    recorder: Arc<Mutex<Recorder>>,
    nodes: [Node; 2],
}

impl Pair {
    fn new(outputs: bool) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let cipher = || SimCipher { key: 9, ledger: Arc::default() };
        let described =
            Described { release: "1".into(), encrypted: true, key_id: 1, outputs, setup: setup(1) };
        let recorder = Arc::new(Mutex::new(Recorder::new(now, &described, None)));
        let witness = Witness::new(Box::new(cipher()), Arc::clone(&recorder));
        let first = Node::new(now, setup(1), Box::new(witness));
        let second = Node::new(now, setup(2), Box::new(cipher()));
        Self { now, recorder, nodes: [first, second] }
    }

    fn record(&self, record: &Record<'_>) {
        self.recorder.lock().unwrap().record(self.now, record);
    }

    /// What the daemon does with a node between two waits.
    fn turn(&mut self, index: usize, inbox: &[Transmit]) -> Vec<Transmit> {
        let (now, recorded) = (self.now, index == 0);
        let source = SocketAddr::from(([10, 0, 0, if recorded { 2 } else { 1 }], 5405));
        for Transmit { to, lane, bytes } in inbox {
            let (lane, source) = (*lane, lane.address_of(source));
            let multicast = *to == Destination::Multicast;
            if recorded {
                let size = u32::try_from(bytes.len()).unwrap();
                let head = cman_record::record::head_of(bytes);
                self.record(&Record::Datagram { lane, multicast, size, source, head });
            }
            self.nodes[index].handle_datagram(now, source, lane, multicast, &mut bytes.clone());
        }
        let due = self.nodes[index].poll_timeout().is_some_and(|due| due <= now);
        if recorded {
            self.record(&Record::Drained);
        }
        self.nodes[index].handle_drained(now);
        if due {
            if recorded {
                self.record(&Record::Timeout);
            }
            self.nodes[index].handle_timeout(now);
        }
        self.take(index)
    }

    fn take(&mut self, index: usize) -> Vec<Transmit> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.nodes[index].poll_transmit() {
            if index == 0 {
                self.record(&Record::transmit(&transmit));
            }
            sent.push(transmit);
        }
        while let Some(event) = self.nodes[index].poll_event() {
            if index == 0 {
                self.record(&Record::event(&event));
            }
        }
        if index == 0 {
            let node = &self.nodes[0];
            let (due, lease) = (node.poll_timeout(), node.lease_deadline());
            self.record(&Record::Turn { due, lease });
        }
        sent
    }

    fn run(&mut self, steps: u32) {
        let mut inboxes = [Vec::new(), Vec::new()];
        for _ in 0..steps {
            self.now += STEP;
            let [first, second] = core::mem::take(&mut inboxes);
            inboxes = [self.turn(1, &second), self.turn(0, &first)];
        }
    }

    fn ask(&mut self, request: impl Into<ClientRequest>) {
        let request = request.into();
        self.record(&Record::request(Session(1), &request));
        let answer = self.nodes[0].handle_client(self.now, Session(1), request);
        self.record(&Record::answer(&answer));
    }

    fn command(&mut self, command: Command) {
        self.record(&Record::Command(command.clone()));
        let answer = self.nodes[0].handle_command(self.now, command);
        self.record(&Record::answer(&answer));
    }

    fn bytes(&self) -> Vec<u8> {
        self.recorder.lock().unwrap().pieces(self.now).concat()
    }
}

/// A node that does everything that there is a record of.
fn recording(outputs: bool) -> Vec<u8> {
    let mut pair = Pair::new(outputs);
    pair.run(1200);
    let group = GroupName::new(b"editors").unwrap();
    pair.ask(GroupRequest::Join { group: group.clone(), pid: 4711 });
    // Refused, and that is an answer too.
    pair.ask(GroupRequest::Join { group: group.clone(), pid: 4711 });
    for safe in [false, true] {
        let payload = vec![b'x'; 5000].into();
        pair.ask(GroupRequest::Send { group: group.clone(), payload, safe });
    }
    pair.ask(PortRequest::Bind { port: 11 });
    for to in [None, NodeId::new(1), NodeId::new(2)] {
        pair.ask(PortRequest::Send { to, port: 11, payload: "to a port".into() });
    }
    pair.run(20);
    let stored = Stored { epoch_ceiling: Epoch(2000), removed: false, ok: true };
    pair.record(&Record::Stored(stored));
    pair.nodes[0].handle_stored(pair.now, stored);
    pair.command(Command::Kill { node: NodeId::new(9).unwrap() });
    votes_are_changed(&mut pair);
    pair.ask(GroupRequest::Leave { group });
    pair.record(&Record::Close(Session(1)));
    pair.nodes[0].close_session(pair.now, Session(1));
    // Nothing that opens: it is refused after it was looked into, this one before.
    for bytes in [vec![0xff; 200], b"short".to_vec()] {
        let transmit = Transmit { to: Destination::Multicast, lane: Lane::Data, bytes };
        pair.turn(0, &[transmit]);
    }
    pair.run(20);
    pair.command(Command::Leave { remove: false });
    pair.run(40);
    pair.recorder.lock().unwrap().finish(pair.now);
    pair.bytes()
}

/// Votes, a quorum device, and one that is not polled any more.
fn votes_are_changed(pair: &mut Pair) {
    let node = NodeId::new(1).unwrap();
    pair.command(Command::Amend { ticket: 1, amendment: Amendment::Votes { node, votes: 2 } });
    pair.command(Command::Amend { ticket: 2, amendment: Amendment::Expected { votes: 0 } });
    pair.command(Command::DeviceRegister { name: b"disk".to_vec(), votes: 1 });
    pair.command(Command::DevicePoll { available: true });
    pair.run(20);
    pair.command(Command::DevicePoll { available: false });
    pair.command(Command::DeviceUnregister);
}

/// The recording with one record changed, and sound checks.
fn changed(
    recording: &[u8],
    mut change: impl FnMut(u64, &Record<'_>, &mut Vec<u8>) -> bool,
) -> Vec<u8> {
    let mut reader = Reader::new(recording).unwrap();
    let mut bytes = recording[..8].to_vec();
    while let Some(entry) = reader.next().unwrap() {
        if !change(entry.number, &entry.record, &mut bytes) {
            entry.record.append(entry.at, &mut bytes);
        }
    }
    append_check(Instant::ZERO, &mut bytes);
    bytes
}

#[test]
fn a_recording_replays_to_the_same_outputs() {
    let recording = recording(true);
    let (summary, result) = replay(&*recording);
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert!(summary.compared > 500, "{summary:?}");
    assert!(summary.inputs > 500, "{summary:?}");
    assert!(summary.ended && summary.outputs, "{summary:?}");
    assert_eq!((summary.node, summary.cluster.as_str()), (1, "alpha"));
    assert_eq!(changed(&recording, |_, _, _| false).len(), rewritten(&recording));
}

/// How long a recording is with one check alone.
fn rewritten(recording: &[u8]) -> usize {
    let mut reader = Reader::new(recording).unwrap();
    let mut size = 8 + 17;
    while let Some(entry) = reader.next().unwrap() {
        size += 13 + entry.rest.len();
    }
    size
}

/// The name of a kind of record.
fn kind(record: &Record<'_>) -> String {
    let text = format!("{record:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn each_kind_of_record_is_in_the_test() {
    let recording = recording(true);
    let mut reader = Reader::new(&*recording).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    while let Some(entry) = reader.next().unwrap() {
        kinds.insert(kind(&entry.record));
    }
    let expected = "Answer Asks Close Command Datagram Drained End Event Message Opened \
                    PortMessage Sealed Setup Stored Timeout Transmit Turn";
    assert_eq!(kinds.into_iter().collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn without_outputs_there_is_nothing_to_compare() {
    let (summary, result) = replay(&*recording(false));
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert_eq!((summary.compared, summary.outputs), (0, false));
    assert!(summary.inputs > 500);
}

/// Every kind of output that is left out or doubled is a difference.
#[test]
fn a_changed_recording_is_a_difference() {
    let recording = recording(true);
    let mut reader = Reader::new(&*recording).unwrap();
    let mut last_of = std::collections::BTreeMap::new();
    while let Some(entry) = reader.next().unwrap() {
        let turn = matches!(entry.record, Record::Turn { .. });
        if entry.record.is_output() && !turn && entry.number > 50 {
            last_of.insert(kind(&entry.record), entry.number);
        }
    }
    assert_eq!(last_of.len(), 6);
    for number in last_of.into_values() {
        let without = changed(&recording, |n, _, _| n == number);
        let twice = changed(&recording, |n, record, bytes| {
            if n == number {
                record.append(Instant::ZERO, bytes);
            }
            false
        });
        for bad in [without, twice] {
            let (summary, result) = replay(&*bad);
            let Err(Stop::Differs(difference)) = result else { panic!("{number}: {result:?}") };
            assert!(difference.record >= number && difference.record <= number + 200);
            assert_eq!(summary.records, difference.record);
        }
    }
}

#[test]
fn a_client_that_said_something_else_is_a_difference() {
    let recording = recording(true);
    let bad = changed(&recording, |_, record, bytes| match record.clone() {
        Record::Asks { session, request } => {
            let ClientRequest::Group(GroupRequest::Send { group, safe, .. }) = request.as_ref()
            else {
                return false;
            };
            let (group, payload) = (group.clone(), "something else".into());
            let other = GroupRequest::Send { group, payload, safe: *safe }.into();
            Record::request(session, &other).append(Instant::from_nanos(1), bytes);
            true
        }
        _ => false,
    });
    let (_, result) = replay(&*bad);
    let told = result.unwrap_err().to_string();
    assert!(told.contains("expected:") && told.contains("came:"), "{told}");
}

#[test]
fn another_lease_is_a_difference() {
    let recording = recording(true);
    let bad = changed(&recording, |number, record, bytes| match record {
        Record::Turn { due, lease } if number > 1000 => {
            let lease = *lease + Duration::from_nanos(1);
            Record::Turn { due: *due, lease }.append(Instant::ZERO, bytes);
            true
        }
        _ => false,
    });
    let (summary, result) = replay(&*bad);
    assert!(matches!(result, Err(Stop::Differs(_))), "{result:?}");
    assert!(summary.records > 1000);
}

#[test]
fn what_is_not_whole_is_not_replayed() {
    let mut pair = Pair::new(true);
    pair.run(400);
    let group = GroupName::new(b"g").unwrap();
    let flood = GroupRequest::Send { group, payload: vec![0; 1 << 20].into(), safe: false }.into();
    let flood = Record::request(Session(1), &flood);
    (0..8).for_each(|_| pair.record(&flood));
    let (summary, result) = replay(&*pair.bytes());
    let Err(Stop::Gap { first: true, .. }) = result else { panic!("{result:?}") };
    assert!(result.unwrap_err().to_string().contains("--record"));
    assert_eq!(summary.inputs, 0);
}

#[test]
fn a_recording_that_stops_early_is_replayed_so_far() {
    let recording = recording(true);
    let cut = &recording[..recording.len() * 2 / 3];
    let (summary, result) = replay(cut);
    assert!(matches!(result, Err(Stop::Unreadable(ReadError::Truncated { .. }))), "{result:?}");
    assert!(summary.compared > 100 && !summary.ended, "{summary:?}");
    let sound = Pair::new(true);
    let (summary, result) = replay(&*sound.bytes());
    assert!(result.is_ok() && !summary.ended, "a daemon that was killed");
}

/// Issue 2: no recording holds a key, nor anything made from it.
#[test]
fn sealed_bytes_are_not_recorded() {
    let mut pair = Pair::new(true);
    let mut last = Vec::new();
    for _ in 0..50 {
        pair.now += STEP;
        last.extend(pair.turn(1, &[]));
    }
    let datagrams = last.clone();
    pair.turn(0, &datagrams);
    let recording = pair.bytes();
    let tag = &datagrams[0].bytes[datagrams[0].bytes.len() - 16..];
    assert!(!recording.windows(16).any(|bytes| bytes == tag));
    let header = &datagrams[0].bytes[..HEADER_SIZE];
    assert!(recording.windows(HEADER_SIZE).any(|bytes| bytes == header));
}
