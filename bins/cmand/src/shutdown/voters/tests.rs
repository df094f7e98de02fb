use super::*;

const LIMIT: Duration = Duration::from_millis(5000);
const ASKER: ClientId = ClientId(99);
const PLAIN: Wish = Wish { anyway: false, remove: false };
const ANYWAY: Wish = Wish { anyway: true, remove: true };

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn who(id: u64) -> ClientId {
    ClientId(id)
}

/// Two who listen, 1 `clvmd` and 2 `rgmanager`, and a vote from 1000 ms on.
fn vote(wish: Wish) -> Voters {
    let mut voters = Voters::default();
    assert_eq!(voters.listen(who(1), "clvmd"), None);
    assert_eq!(voters.listen(who(2), "rgmanager"), None);
    assert_eq!(voters.start(at(1000), ASKER, wish, LIMIT), Ok(vec![who(1), who(2)]));
    voters
}

/// In words, at that time.
fn verdict(voters: &mut Voters, ms: u64) -> String {
    match voters.verdict(at(ms)) {
        None => "-".to_owned(),
        Some((asker, verdict)) => {
            assert_eq!(asker, ASKER);
            match verdict {
                Verdict::Leave { wish, against } => {
                    format!("leave {} {against}", wish.remove).trim_end().to_owned()
                }
                Verdict::Stay(against) => format!("stay: {against}"),
            }
        }
    }
}

#[test]
fn with_nobody_to_ask_it_is_decided_at_once() {
    let mut voters = Voters::default();
    assert_eq!(voters.start(at(0), ASKER, PLAIN, LIMIT), Ok(vec![]));
    assert_eq!(verdict(&mut voters, 0), "leave false");
    assert_eq!(voters.due(), None);
    assert_eq!(voters.start(at(1), who(5), PLAIN, LIMIT), Err(Already::Leaving));
}

#[test]
fn all_must_agree() {
    let mut voters = vote(PLAIN);
    assert_eq!((verdict(&mut voters, 1000), voters.due()), ("-".into(), Some(at(6000))));
    voters.reply(who(1), true);
    assert_eq!(verdict(&mut voters, 1500), "-");
    voters.reply(who(2), true);
    assert_eq!(verdict(&mut voters, 1500), "leave false");
    assert_eq!(verdict(&mut voters, 9000), "-", "once");
}

#[test]
fn an_objection_counts_when_all_have_spoken() {
    let mut voters = vote(PLAIN);
    voters.reply(who(2), false);
    assert_eq!(verdict(&mut voters, 1500), "-", "it may be replaced until the other has spoken");
    voters.reply(who(1), true);
    assert_eq!(verdict(&mut voters, 1500), "stay: rgmanager objects");
    assert_eq!(voters.start(at(1600), ASKER, PLAIN, LIMIT), Ok(vec![who(1), who(2)]), "anew");
    assert_eq!(verdict(&mut voters, 1600), "-", "what was said in the last vote is forgotten");
}

#[test]
fn the_last_word_counts() {
    let mut voters = vote(PLAIN);
    voters.reply(who(1), false);
    voters.reply(who(1), true);
    voters.reply(who(2), true);
    assert_eq!(verdict(&mut voters, 1500), "leave false");
}

#[test]
fn silence_is_an_objection_at_the_limit_and_not_before() {
    let mut voters = vote(PLAIN);
    voters.reply(who(1), true);
    assert_eq!(verdict(&mut voters, 5999), "-");
    assert_eq!(verdict(&mut voters, 6000), "stay: rgmanager has not answered within 5000 ms");
    let mut voters = vote(PLAIN);
    voters.reply(who(1), false);
    assert_eq!(
        verdict(&mut voters, 6000),
        "stay: clvmd objects, and rgmanager has not answered within 5000 ms"
    );
}

#[test]
fn anyway_asks_and_waits_but_does_not_obey() {
    let mut voters = vote(ANYWAY);
    voters.reply(who(1), false);
    assert_eq!(verdict(&mut voters, 1500), "-");
    voters.reply(who(2), false);
    assert_eq!(verdict(&mut voters, 1500), "leave true clvmd and rgmanager object");
    let mut voters = vote(ANYWAY);
    assert_eq!(
        verdict(&mut voters, 6000),
        "leave true clvmd and rgmanager have not answered within 5000 ms"
    );
}

#[test]
fn whoever_is_gone_agrees_whatever_it_said() {
    let mut voters = vote(PLAIN);
    voters.reply(who(1), true);
    voters.reply(who(2), false);
    voters.gone(who(2));
    assert_eq!(verdict(&mut voters, 1500), "leave false");
    let mut voters = vote(PLAIN);
    voters.gone(who(1));
    voters.gone(who(2));
    assert_eq!(verdict(&mut voters, 1500), "leave false");
}

#[test]
fn a_vote_ends_with_its_asker() {
    let mut voters = vote(PLAIN);
    voters.gone(ASKER);
    assert_eq!((verdict(&mut voters, 9000), voters.due()), ("-".into(), None));
    assert_eq!(voters.start(at(9000), ASKER, PLAIN, LIMIT), Ok(vec![who(1), who(2)]));
}

#[test]
fn one_at_a_time() {
    let mut voters = vote(PLAIN);
    assert_eq!(voters.start(at(2000), who(7), ANYWAY, LIMIT), Err(Already::Asking));
    voters.gone(who(7));
    voters.reply(who(1), true);
    voters.reply(who(2), true);
    assert_eq!(verdict(&mut voters, 2000), "leave false", "the second asker changed nothing");
}

#[test]
fn who_comes_during_the_vote_is_asked_and_counts() {
    let mut voters = vote(PLAIN);
    voters.reply(who(1), true);
    assert_eq!(voters.listen(who(3), "late"), Some(PLAIN));
    assert_eq!(voters.listen(who(3), "late"), None, "asked once");
    voters.reply(who(2), true);
    assert_eq!(verdict(&mut voters, 2000), "-");
    assert_eq!(voters.due(), Some(at(6000)), "no more time for anybody");
    voters.reply(who(3), false);
    assert_eq!(verdict(&mut voters, 2000), "stay: late objects");
}

#[test]
fn who_does_not_listen_any_more_still_counts() {
    let mut voters = vote(PLAIN);
    voters.ignore(who(2));
    voters.reply(who(1), true);
    assert_eq!(verdict(&mut voters, 1500), "-");
    voters.reply(who(2), false);
    assert_eq!(verdict(&mut voters, 1500), "stay: rgmanager objects");
    assert_eq!(voters.start(at(1600), ASKER, PLAIN, LIMIT), Ok(vec![who(1)]), "not asked again");
}

#[test]
fn answers_of_those_who_were_not_asked_are_none() {
    let mut voters = vote(PLAIN);
    voters.reply(who(8), false);
    voters.gone(who(8));
    voters.reply(who(1), true);
    voters.reply(who(2), true);
    assert_eq!(verdict(&mut voters, 1500), "leave false");
    let mut voters = Voters::default();
    voters.reply(who(1), false);
    assert_eq!(voters.start(at(0), ASKER, PLAIN, LIMIT), Ok(vec![]));
}

#[test]
fn many_names_are_not_all_told() {
    let mut voters = Voters::default();
    for id in 1..=9 {
        voters.listen(who(id), &format!("p{id}"));
    }
    assert!(voters.start(at(0), ASKER, PLAIN, LIMIT).is_ok());
    assert_eq!(
        verdict(&mut voters, 5000),
        "stay: p1, p2, p3, p4, p5 and 4 more have not answered within 5000 ms"
    );
}
