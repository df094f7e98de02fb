//! Calls of clients at a node that does what the test says.

use super::*;
use crate::{
    groups::{account::UNREAD_MAX, listing},
    stream::split,
};
use bytes::Bytes;
use cman_io::waker::Waker;
use cman_ipc::{ErrorCode, GroupMessage};
use cman_services::{BarrierName, BarrierRequest, GroupError};
use cman_types::{GroupName, Incarnation, NodeId, Process};
use tokio::{net::UnixStream, sync::oneshot, task::yield_now};

/// A node that takes so many messages, and notes who sent which.
#[derive(Debug, Default)]
struct FakeNode {
    room: usize,
    taken: Vec<(u64, Bytes)>,
    closed: Vec<u64>,
}

impl Host for FakeNode {
    fn ask(&mut self, _: Instant, id: Session, request: ClientRequest) -> Result<(), Refused> {
        let ClientRequest::Group(request) = request else { return Ok(()) };
        match request {
            GroupRequest::Send { .. } if self.room == 0 => Err(Refused::Full),
            GroupRequest::Send { payload, .. } => {
                self.room -= 1;
                self.taken.push((id.0, payload));
                Ok(())
            }
            GroupRequest::Leave { group } => {
                Err(Refused::Client(GroupError::NotJoined { group }.into()))
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self, _: Instant, id: Session) {
        self.closed.push(id.0);
    }

    fn list(&self) -> Reply {
        listing::all([(&group(), [process()].as_slice())].into_iter())
    }

    fn members(&self, _: &GroupName) -> Vec<Process> {
        vec![process()]
    }

    fn is_bound(&self, _: Option<NodeId>, port: u8) -> Reply {
        Reply::Is(port == 11)
    }
}

fn process() -> Process {
    Process { node: NodeId::new(1).unwrap(), pid: 9 }
}

fn group() -> GroupName {
    GroupName::new(b"g").unwrap()
}

fn message(len: usize) -> Message {
    let payload = Bytes::from(vec![7; len]);
    let (sender, incarnation) = (process(), Incarnation(1));
    let message = GroupMessage { group: group(), sender, incarnation, number: 1, payload };
    Message::Group(GroupEvent::Message(message))
}

/// A desk and those it stands between.
struct Lab {
    inbox: Inbox,
    outbox: Outbox,
    desk: Desk,
    node: FakeNode,
    outlet: Arc<Outlet>,
}

impl Lab {
    fn new() -> Self {
        let inbox = Inbox::new(Waker::new().unwrap());
        let outbox = Outbox::default();
        let desk = Desk::new(inbox.clone(), outbox.clone());
        Self { inbox, outbox, desk, node: FakeNode::default(), outlet: Outlet::new() }
    }

    fn push(&self, session: u64, patient: bool, calls: Vec<Call>) {
        self.inbox.push(Batch { session, outlet: self.outlet.clone(), patient, calls });
    }

    /// Messages that nobody waits for, of one byte each.
    fn send(&self, session: u64, bytes: &'static [u8]) {
        let call = |byte| Call { what: send(Bytes::from_static(byte)), answer: None };
        self.push(session, true, bytes.chunks(1).map(call).collect());
    }

    fn ask(&self, session: u64, patient: bool, what: What) -> oneshot::Receiver<Reply> {
        let (sender, answer) = oneshot::channel();
        self.push(session, patient, vec![Call { what, answer: Some(sender) }]);
        answer
    }

    fn serve(&mut self, room: usize) -> bool {
        self.node.room = room;
        if room > 0 {
            self.desk.room();
        }
        self.desk.serve(Instant::ZERO, &mut self.node)
    }

    fn taken(&self) -> Vec<(u64, char)> {
        self.node.taken.iter().map(|(id, bytes)| (*id, bytes[0].into())).collect()
    }

    fn told(&mut self) -> Vec<Told> {
        self.desk.flush();
        self.outbox.take()
    }
}

fn send(payload: Bytes) -> What {
    What::Request(GroupRequest::Send { group: group(), payload, safe: false }.into())
}

#[test]
fn calls_of_a_client_stay_in_order_and_wait_for_room() {
    let mut lab = Lab::new();
    lab.send(1, b"abc");
    assert!(!lab.serve(2), "there is nothing to do until there is room");
    lab.send(1, b"d");
    let mut flushed = lab.ask(1, true, What::Flush);
    assert!(!lab.serve(0));
    assert!(flushed.try_recv().is_err(), "what was asked before is not done");
    assert!(!lab.serve(9));
    assert_eq!(lab.taken(), [(1, 'a'), (1, 'b'), (1, 'c'), (1, 'd')]);
    assert_eq!(flushed.try_recv().unwrap(), Reply::Done);
}

#[test]
fn who_came_first_is_first_when_there_is_room_again() {
    let mut lab = Lab::new();
    lab.send(1, b"a");
    lab.serve(0);
    lab.send(2, b"b");
    lab.serve(0);
    lab.serve(1);
    lab.serve(1);
    assert_eq!(lab.taken(), [(1, 'a'), (2, 'b')]);
}

#[test]
fn one_who_has_much_to_say_does_not_hold_up_the_others() {
    let mut lab = Lab::new();
    lab.send(1, [b'a'; 10 * ROW_CALLS].as_slice());
    lab.send(2, b"b");
    lab.serve(usize::MAX);
    let place = lab.taken().iter().position(|taken| *taken == (2, 'b'));
    assert_eq!(place, Some(ROW_CALLS));
    lab.send(1, [b'a'; TURN_CALLS + 1].as_slice());
    assert!(lab.serve(usize::MAX), "datagrams come in between");
    assert!(!lab.serve(usize::MAX));
}

#[test]
fn one_who_does_not_wait_is_told_that_there_is_no_room() {
    let mut lab = Lab::new();
    let mut sent = lab.ask(1, false, send(Bytes::new()));
    let mut members = lab.ask(1, false, What::Members(group()));
    let mut list = lab.ask(1, false, What::List);
    lab.serve(0);
    match sent.try_recv().unwrap() {
        Reply::Error(error) => assert_eq!(error.code, ErrorCode::Busy),
        other => panic!("{other:?}"),
    }
    assert_eq!(members.try_recv().unwrap(), Reply::GroupMembers(vec![process()]));
    match list.try_recv().unwrap() {
        Reply::GroupList(list) => assert_eq!(list.groups[0].members, [process()]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn refusals_reach_those_who_wait_and_those_who_do_not() {
    let mut lab = Lab::new();
    let leave = || What::Request(GroupRequest::Leave { group: group() }.into());
    let mut left = lab.ask(1, true, leave());
    lab.push(1, true, vec![Call { what: leave(), answer: None }]);
    lab.serve(9);
    match left.try_recv().unwrap() {
        Reply::Error(error) => assert_eq!(error.code, ErrorCode::NotJoined),
        other => panic!("{other:?}"),
    }
    assert!(lab.told().is_empty(), "only messages are sent without waiting");
}

/// BR-05, BR-15: the answer is the event of the node, and nobody's if the client is gone by then.
#[test]
fn what_takes_time_is_answered_when_the_node_says_so() {
    let mut lab = Lab::new();
    let name = BarrierName::new(b"b").unwrap();
    let wait = || What::Request(BarrierRequest::Wait { name: name.clone() }.into());
    let mut first = lab.ask(1, false, wait());
    let mut second = lab.ask(2, false, wait());
    lab.serve(9);
    assert!(first.try_recv().is_err() && second.try_recv().is_err(), "nobody has come");
    let done = || Word::Answer(Reply::Done);
    lab.desk.pass_on(2, done());
    assert_eq!(second.try_recv().unwrap(), Reply::Done);
    assert!(first.try_recv().is_err(), "it still waits");
    lab.push(1, false, vec![Call { what: What::Close, answer: None }]);
    lab.serve(9);
    assert_eq!(lab.node.closed, [1]);
    lab.desk.pass_on(1, done());
    assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Closed));
}

#[test]
fn a_client_that_is_gone_has_said_everything_before() {
    let mut lab = Lab::new();
    lab.send(1, b"ab");
    lab.push(1, true, vec![Call { what: What::Close, answer: None }]);
    lab.serve(1);
    assert!(lab.node.closed.is_empty());
    lab.serve(1);
    assert_eq!((lab.taken().len(), lab.node.closed.as_slice()), (2, [1].as_slice()));
    lab.desk.tell(1, message(1));
    assert!(lab.told().is_empty(), "nobody is there to be told");
}

#[test]
fn one_who_does_not_read_is_let_go_alone() {
    let mut lab = Lab::new();
    lab.send(1, b"a");
    let other = Outlet::new();
    lab.inbox.push(Batch { session: 2, outlet: other, patient: true, calls: vec![] });
    lab.serve(1);
    let mut owed = 0;
    while owed <= UNREAD_MAX {
        lab.desk.tell(1, message(1 << 20));
        owed += 1 << 20;
    }
    lab.desk.tell(1, message(1));
    lab.desk.tell(2, message(1));
    let told = lab.told();
    let overflows: Vec<_> = told
        .iter()
        .filter_map(|told| match told {
            Told::Overflow { session } => Some(*session),
            _ => None,
        })
        .collect();
    assert_eq!(overflows, [1], "once");
    assert!(matches!(told.last(), Some(Told::Client { session: 2, .. })));
    let first: usize = told
        .iter()
        .map(|told| if let Told::Client { session: 1, bytes, .. } = told { *bytes } else { 0 })
        .sum();
    assert!(first <= UNREAD_MAX, "memory is bounded");
}

#[test]
fn reports_that_nobody_takes_are_lost_and_that_is_said() {
    let mut lab = Lab::new();
    for _ in 0..REPORTS_MAX + 7 {
        lab.desk.report(Report::Lost);
    }
    assert_eq!(lab.told().len(), REPORTS_MAX);
    lab.desk.report(Report::Lost);
    assert_eq!(lab.told().len(), 2, "the loss, and then the report");
}

#[test]
fn data_waits_for_the_service_thread_and_a_little_for_slow_clients() {
    let mut lab = Lab::new();
    lab.send(1, b"a");
    lab.serve(1);
    let now = Instant::ZERO + Duration::from_secs(9);
    assert_eq!(lab.desk.haste(now), Haste::All);
    for _ in 0..16 {
        lab.desk.tell(1, message(1 << 20));
    }
    lab.desk.flush();
    let again = now + BEHIND_PAUSE;
    assert_eq!(lab.desk.haste(now), Haste::Later(again), "nobody has taken it");
    assert_eq!(lab.told().len(), 16);
    assert_eq!(lab.desk.haste(now), Haste::All, "the client does not read at all");
    lab.outlet.account().took(now, 1);
    assert_eq!(lab.desk.haste(now), Haste::Little);
    lab.desk.took(now, 100_000);
    let Haste::Later(later) = lab.desk.haste(now) else { panic!("it had its share") };
    let share = later - now;
    assert!((5..=10).contains(&share.as_millis()), "20 to 10 MB/s: {share:?}");
    assert_eq!(lab.desk.haste(later), Haste::Little);
}

#[test]
fn a_node_that_said_it_is_full_is_not_asked_all_the_time() {
    let mut lab = Lab::new();
    lab.send(1, b"ab");
    lab.serve(0);
    lab.node.room = 1;
    lab.desk.serve(Instant::ZERO, &mut lab.node);
    assert!(lab.taken().is_empty(), "it has not said that it has room");
    lab.desk.serve(Instant::ZERO + FULL_TIME, &mut lab.node);
    assert_eq!(lab.taken(), [(1, 'a')], "it may have forgotten to");
}

#[tokio::test(flavor = "current_thread")]
async fn a_few_events_go_straight_to_a_client_to_whom_all_before_was_passed_on() {
    let mut lab = Lab::new();
    let (stream, client) = UnixStream::pair().unwrap();
    let (_reader, writer) = split(stream).unwrap();
    let outlet = lab.outlet.clone();
    tokio::spawn(async move { outlet.write(writer).await });
    yield_now().await;
    lab.send(1, b"a");
    lab.serve(1);
    lab.desk.tell(1, message(1));
    assert_eq!(lab.told().len(), 1, "nobody has said that all was passed on");
    lab.desk.tell(1, message(1));
    assert_eq!(lab.told().len(), 1, "what was taken may not be passed on yet");
    assert!(lab.outbox.take().is_empty());
    lab.desk.tell(1, message(1));
    assert!(lab.told().is_empty());
    client.readable().await.unwrap();
    for count in [AT_ONCE_EVENTS + 1, 1] {
        for _ in 0..count {
            lab.desk.tell(1, message(AT_ONCE_BYTES));
        }
        assert_eq!(lab.told().len(), count, "too many, and too long");
        assert!(lab.outbox.take().is_empty());
    }
}
