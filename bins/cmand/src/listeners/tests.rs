use super::*;
use crate::history::tests::view_of_one;
use cman_ipc::Decoder;
use tokio::task::yield_now;

const LIMIT: Duration = Duration::from_secs(5);
const NOW: Instant = Instant::from_nanos(1_000_000_000);
const PLAIN: Wish = Wish { anyway: false, remove: true };

fn all() -> Arc<Listeners> {
    Arc::default()
}

fn client(program: &str) -> Arc<Outlet> {
    let outlet = Outlet::new();
    outlet.set_program(program);
    outlet
}

/// The connection ends, and everybody gets to know it.
async fn gone(client: &Outlet) {
    client.close();
    yield_now().await;
}

/// What was said since the last look.
fn heard(outlet: &Outlet) -> Vec<Message> {
    let mut decoder = Decoder::new();
    decoder.feed(&outlet.take().concat());
    std::iter::from_fn(|| decoder.next_message().unwrap()).collect()
}

fn quorum(quorate: bool) -> node::Event {
    node::Event::Quorum { quorate, votes: 2, expected: 3, needed: 2, text: String::new() }
}

fn state(quorate: bool) -> Message {
    Message::Notice(Notice::State { quorate })
}

const TRY: Message = Message::Notice(Notice::TryShutdown { anyway: false, remove: true });

#[tokio::test(flavor = "current_thread")]
async fn who_wants_nothing_hears_nothing() {
    let (all, client) = (all(), client("a"));
    all.hear_views(&client, false);
    all.hear(&view_of_one(1), true);
    all.hear(&quorum(true), true);
    all.configured(2);
    assert_eq!(heard(&client), []);
}

#[tokio::test(flavor = "current_thread")]
async fn there_is_no_first_word_and_no_last_one() {
    let (all, client) = (all(), client("a"));
    all.hear(&quorum(true), true);
    all.hear_changes(&client, true);
    assert_eq!(heard(&client), []);
    all.hear(&view_of_one(1), true);
    all.configured(7);
    all.hear_changes(&client, false);
    all.hear(&quorum(false), true);
    assert_eq!(heard(&client), [state(true), Message::Notice(Notice::Config { version: 7 })]);
}

#[tokio::test(flavor = "current_thread")]
async fn every_view_and_all_that_quorum_depends_on_is_told() {
    let (all, client) = (all(), client("a"));
    all.hear_changes(&client, true);
    all.hear(&view_of_one(1), false);
    all.hear(&quorum(true), true);
    all.hear(&node::Event::Device { alive: true, text: String::new() }, true);
    all.state_changed(true);
    all.hear(&quorum(false), false);
    assert_eq!(heard(&client), [false, true, true, true, false].map(state));
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_hears_of_quorum_when_the_lease_has_ended() {
    let (all, client) = (all(), client("a"));
    all.hear_changes(&client, true);
    all.hear(&quorum(true), true);
    all.hear(&view_of_one(2), false);
    assert_eq!(heard(&client), [state(true), state(false)]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_view_comes_before_what_it_means() {
    let (all, client) = (all(), client("a"));
    all.hear_changes(&client, true);
    all.hear_views(&client, true);
    all.hear(&view_of_one(1), false);
    let one = cman_types::NodeId::new(1).unwrap();
    let view = ViewNotice { members: vec![one], left: vec![], joined: vec![] };
    assert_eq!(heard(&client), [Message::Notice(Notice::View(view)), state(false)]);
    all.hear_views(&client, false);
    all.hear(&view_of_one(2), false);
    assert_eq!(heard(&client), [state(false)]);
}

#[tokio::test(flavor = "current_thread")]
async fn who_must_not_miss_a_view_is_let_go_when_one_is_lost() {
    let (all, cut, goes_on) = (all(), client("a"), client("b"));
    all.hear_views(&cut, true);
    all.hear_changes(&goes_on, true);
    all.lost(false);
    assert_eq!(cut.state(), crate::outlet::State::Cut);
    assert_eq!(heard(&goes_on), [state(false)]);
}

#[tokio::test(flavor = "current_thread")]
async fn those_who_listen_are_asked_and_the_asker_is_answered() {
    let (all, asker, voter) = (all(), client("cman_tool"), client("clvmd"));
    all.hear_changes(&voter, true);
    let answer = all.ask_to_leave(NOW, &asker, PLAIN, LIMIT).unwrap();
    assert!(all.is_voting());
    assert_eq!((heard(&voter), heard(&asker)), (vec![TRY], vec![]));
    assert!(all.verdict(NOW).is_none());
    let late = client("rgmanager");
    all.hear_changes(&late, true);
    assert_eq!(heard(&late), [TRY]);
    all.reply(&voter, true);
    assert!(all.verdict(NOW).is_none());
    gone(&late).await;
    let decided = all.verdict(NOW).unwrap();
    assert_eq!(decided.asker, "cman_tool");
    assert!(matches!(decided.verdict, Verdict::Leave { wish: PLAIN, .. }), "{decided:?}");
    assert!(!all.is_voting());
    all.answer(&Reply::Done);
    all.answer(&Reply::Is(false));
    assert_eq!(answer.await, Ok(Reply::Done));
}

#[tokio::test(flavor = "current_thread")]
async fn a_vote_ends_with_the_connection_of_its_asker() {
    let (all, asker, voter) = (all(), client("cman_tool"), client("clvmd"));
    all.hear_changes(&voter, true);
    drop(all.ask_to_leave(NOW, &asker, PLAIN, LIMIT).unwrap());
    gone(&asker).await;
    all.reply(&voter, true);
    assert!(all.verdict(NOW + LIMIT * 2).is_none());
    assert!(all.ask_to_leave(NOW, &client("other"), PLAIN, LIMIT).is_ok());
    let third = all.ask_to_leave(NOW, &voter, PLAIN, LIMIT);
    assert!(matches!(third, Err(Already::Asking)));
    assert_eq!(heard(&voter), [TRY, TRY], "once for each vote");
}

#[tokio::test(flavor = "current_thread")]
async fn who_does_not_say_its_name_is_told_of_all_the_same() {
    let (all, asker, voter) = (all(), client("cman_tool"), client(""));
    all.hear_changes(&voter, true);
    let _answer = all.ask_to_leave(NOW, &asker, PLAIN, LIMIT).unwrap();
    all.reply(&voter, false);
    let Verdict::Stay(against) = all.verdict(NOW).unwrap().verdict else { panic!("it leaves") };
    assert_eq!(against.to_string(), "a program without a name objects");
}
