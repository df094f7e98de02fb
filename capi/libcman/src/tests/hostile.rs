//! What calls itself a daemon and is none.

use super::{handles::all, *};
use crate::constants::dispatch::ALL;
use cman_client::ipc::{
    NodesReply,
    classic::{DeviceStatus, FenceStatus},
    encode,
};
use cman_types::Prng;

/// Replies of all kinds, to whatever was asked, and what is no reply.
fn replies() -> Vec<Vec<Message>> {
    let device = DeviceStatus { name: vec![b'x'; 5000], alive: true, votes: u32::MAX };
    let fence = FenceStatus { at: u64::MAX, fenced: true, agent: vec![b'x'; 5000] };
    let status = queries::status();
    let replies = [
        Reply::Done,
        Reply::Is(true),
        Reply::Device(device),
        Reply::Fence(fence),
        Reply::Nodes(NodesReply::default()),
        Reply::Status(Box::new(status)),
        Reply::GroupMembers(Vec::new()),
    ];
    let mut replies: Vec<_> =
        replies.into_iter().map(|reply| vec![Message::Reply(reply)]).collect();
    replies.push(vec![Message::Notice(Notice::State { quorate: true })]);
    replies.push(Vec::new());
    replies
}

/// What makes no sense is an error of the connection, and nothing worse: no panic, which would be
/// told as EIO.
#[test]
fn wrong_replies_do_no_harm() {
    for reply in replies() {
        for socket in [Socket::Public, Socket::Admin] {
            let answer = reply.clone();
            let stage = Stage::answering(socket, move |_| answer.clone());
            let returned = all(stage.handle);
            assert!(returned.iter().all(|returned| *returned >= -1), "{returned:?}");
            assert_ne!(errno(), libc::EIO, "{reply:?}");
        }
    }
}

#[test]
fn garbage_among_the_events_ends_them() {
    let mut random = Prng::new(4);
    let notice = encode(&Message::Notice(Notice::State { quorate: true })).unwrap();
    for _ in 0..300 {
        let stage = Stage::listening();
        let mut bytes = notice.clone();
        let garbage = usize::try_from(random.below(200)).unwrap();
        bytes.extend((0..garbage).map(|_| u8::try_from(random.below(256)).unwrap()));
        stage.daemon.tell_bytes(&bytes).unwrap();
        // It may have begun something that never ends.
        stage.daemon.hang_up();
        assert!(stage.dispatch(0) > 0);
        let mut handled = 0;
        while stage.dispatch(0) > 0 {
            handled += 1;
            assert!(handled < 200, "more than there can be");
        }
        assert_fails(stage.dispatch(ALL), libc::EHOSTDOWN);
    }
}
