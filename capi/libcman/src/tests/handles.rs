//! Handles that are none, and handles of the other kind.

use super::*;
use crate::layouts::{DeviceInfo, ExtraInfo, Node, NodeAddress, Version};
use cman_client::ipc::ClassicRequest;
use std::{mem::MaybeUninit, sync::mpsc::channel, time::Duration};

/// Every function with a handle, and what it returns.
pub(super) fn all(handle: *mut c_void) -> Vec<c_int> {
    let mut number = 0;
    let mut private = ptr::null_mut();
    let mut node = MaybeUninit::<Node>::zeroed();
    let mut address = MaybeUninit::<NodeAddress>::zeroed();
    let mut version = Version { major: 6, minor: 2, patch: 0, config: 1 };
    let mut cluster = MaybeUninit::zeroed();
    let mut info = MaybeUninit::<ExtraInfo>::zeroed();
    let mut device = MaybeUninit::<DeviceInfo>::zeroed();
    let (mut time, name) = (0, c"name".as_ptr());
    let mut returned = vec![
        cman_setprivdata(handle, ptr::null_mut()),
        cman_start_notification(handle, Some(note_event)),
        cman_stop_notification(handle),
        cman_start_confchg(handle, Some(note_confchg)),
        cman_stop_confchg(handle),
        cman_replyto_shutdown(handle, 1),
        cman_get_fd(handle),
        cman_dispatch(handle, 0),
        cman_get_node_count(handle),
        cman_get_subsys_count(handle),
        cman_is_active(handle),
        cman_is_listening(handle, 1, 1),
        cman_is_quorate(handle),
        cman_leave_cluster(handle, 0),
        cman_set_votes(handle, 1, 1),
        cman_set_expected_votes(handle, 1),
        cman_kill_node(handle, 1),
        cman_shutdown(handle, 0),
        cman_start_recv_data(handle, Some(note_data), 1),
        cman_end_recv_data(handle),
        cman_unregister_quorum_device(handle),
        cman_poll_quorum_device(handle, 1),
        cman_set_dirty(handle),
        cman_set_debuglog(handle, 0),
    ];
    // SAFETY: all of them lead to what they should.
    returned.extend(unsafe {
        [
            cman_getprivdata(handle, &raw mut private),
            cman_get_nodes(handle, 1, &raw mut number, node.as_mut_ptr()),
            cman_get_disallowed_nodes(handle, 1, &raw mut number, node.as_mut_ptr()),
            cman_get_node(handle, 0, node.as_mut_ptr()),
            cman_get_node_addrs(handle, 1, 1, &raw mut number, address.as_mut_ptr()),
            cman_get_version(handle, &raw mut version),
            cman_get_cluster(handle, cluster.as_mut_ptr()),
            cman_get_fenceinfo(handle, 1, &raw mut time, &raw mut number, ptr::null_mut()),
            cman_get_extra_info(handle, info.as_mut_ptr(), 68),
            cman_set_version(handle, &raw const version),
            cman_node_fenced(handle, 1, 0, name),
            cman_send_data(handle, name.cast(), 4, 0, 1, 0),
            cman_barrier_register(handle, name, 0, 0),
            cman_barrier_change(handle, name, 1, 1),
            cman_barrier_wait(handle, name),
            cman_barrier_delete(handle, name),
            cman_register_quorum_device(handle, name, 1),
            cman_get_quorum_device(handle, device.as_mut_ptr()),
        ]
    });
    returned.push(cman_finish(handle));
    returned
}

#[test]
fn what_is_no_handle_is_refused_by_all_functions() {
    let mut something = 7_u64;
    let mine = ptr::from_mut(&mut something).cast::<c_void>();
    let wild = ptr::without_provenance_mut::<c_void>(usize::MAX);
    let finished = Stage::new().handle;
    for handle in [ptr::null_mut(), mine, wild, finished] {
        let returned = all(handle);
        assert_eq!((returned.len(), errno()), (43, libc::EINVAL));
        assert!(returned.iter().all(|returned| *returned == -1), "{returned:?}");
    }
    assert_eq!(something, 7);
}

#[test]
fn a_daemon_that_is_gone_is_told_by_all_that_ask_it() {
    let stage = Stage::answering(Socket::Admin, |_| Vec::new());
    stage.daemon.hang_up();
    assert_fails(cman_is_quorate(stage.handle), libc::EHOSTDOWN);
    assert_fails(cman_is_active(stage.handle), libc::EHOSTDOWN);
    assert_fails(cman_get_node_count(stage.handle), libc::EHOSTDOWN);
    assert_fails(cman_set_votes(stage.handle, 1, 1), libc::EHOSTDOWN);
    assert_fails(cman_shutdown(stage.handle, 0), libc::EHOSTDOWN);
    assert_fails(cman_replyto_shutdown(stage.handle, 1), libc::EHOSTDOWN);
    assert!(cman_get_fd(stage.handle) >= 0);
    assert_eq!(cman_finish(stage.handle), 0);
}

#[test]
fn each_kind_of_handle_does_its_own() {
    let done = |_| vec![Message::Reply(Reply::Done)];
    let public = Stage::answering(Socket::Public, done).handle;
    let admin = Stage::answering(Socket::Admin, done);
    let privileged: &[fn(*mut c_void) -> c_int] = &[
        |handle| cman_set_votes(handle, 1, 1),
        |handle| cman_set_expected_votes(handle, 1),
        |handle| cman_kill_node(handle, 1),
        |handle| cman_leave_cluster(handle, 0),
        |handle| cman_shutdown(handle, 0),
        |handle| cman_set_dirty(handle),
        |handle| cman_set_debuglog(handle, 0),
        |handle| cman_poll_quorum_device(handle, 1),
        |handle| cman_unregister_quorum_device(handle),
        // SAFETY: the texts have ends.
        |handle| unsafe { cman_register_quorum_device(handle, c"d".as_ptr(), 1) },
        // SAFETY: as above.
        |handle| unsafe { cman_node_fenced(handle, 1, 0, c"a".as_ptr()) },
    ];
    let own = Stage::answering(Socket::Public, done);
    for call in privileged {
        assert_fails(call(own.handle), libc::EPERM);
        assert_eq!(call(admin.handle), 0);
        assert_fails(call(public), libc::EINVAL);
    }
    assert_fails(cman_start_notification(admin.handle, Some(note_event)), libc::EINVAL);
    assert_fails(cman_start_confchg(admin.handle, Some(note_confchg)), libc::EINVAL);
    assert_fails(cman_start_recv_data(admin.handle, Some(note_data), 1), libc::EINVAL);
    // SAFETY: as many bytes are there.
    let sent = unsafe { cman_send_data(admin.handle, c"abc".as_ptr().cast(), 3, 0, 1, 0) };
    assert_fails(sent, libc::EINVAL);
}

#[test]
fn without_a_daemon_there_is_no_handle() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: std::path::PathBuf| {
        let handle = boundary::open(|| Handle::open_in(path, Socket::Public, ptr::null_mut()));
        assert!(handle.is_null());
        errno()
    };
    assert_eq!(open(dir.path().into()), libc::ENOENT);
    assert_eq!(open(dir.path().join("x".repeat(200))), libc::ENAMETOOLONG);
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("cman.sock")).unwrap());
    assert_eq!(open(dir.path().into()), libc::ECONNREFUSED);
    let nobody = Stage::new();
    assert_eq!(open(nobody.dir.path().join("cman.sock")), libc::ENOTDIR);
}

#[test]
fn private_data_come_back() {
    let stage = Stage::new();
    let mut found = ptr::null_mut();
    let mut other = 1_u8;
    assert_eq!(cman_setprivdata(stage.handle, ptr::from_mut(&mut other).cast()), 0);
    // SAFETY: there is room for it.
    assert_eq!(unsafe { cman_getprivdata(stage.handle, &raw mut found) }, 0);
    assert_eq!(found, ptr::from_mut(&mut other).cast());
    // SAFETY: NULL is refused.
    assert_fails(unsafe { cman_getprivdata(stage.handle, ptr::null_mut()) }, libc::EINVAL);
}

#[test]
fn ports_are_bound_once_and_sent_to() {
    let (asked, asks) = channel();
    let stage = Stage::answering(Socket::Public, move |request| {
        asked.send(request).unwrap();
        vec![Message::Reply(Reply::Done)]
    });
    let handle = stage.handle;
    let send = |payload: &[u8], port, node| {
        let len = c_int::try_from(payload.len()).unwrap();
        // SAFETY: as many bytes are there.
        unsafe { cman_send_data(handle, payload.as_ptr().cast(), len, 0, port, node) }
    };
    assert_fails(send(b"x", 0, 0), libc::EINVAL);
    assert_fails(cman_start_recv_data(handle, Some(note_data), 0), libc::EINVAL);
    assert_fails(cman_start_recv_data(handle, None, 11), libc::EINVAL);
    assert_eq!(cman_start_recv_data(handle, Some(note_data), 11), 0);
    assert_eq!(cman_end_recv_data(handle), 0);
    assert_eq!(cman_start_recv_data(handle, Some(note_data), 11), 0);
    assert_fails(cman_start_recv_data(handle, Some(note_data), 12), libc::EINVAL);
    assert_eq!(send(b"x", 0, 0), 29);
    assert_eq!(send(&[7; 1492], 5, 3), 1520);
    assert_eq!(send(b"", 5, 0), 28);
    assert_fails(send(&[7; 1493], 5, 0), libc::EINVAL);
    assert_fails(send(b"x", 5, -1), libc::EINVAL);
    // SAFETY: NULL and lengths below zero are refused.
    assert_fails(unsafe { cman_send_data(handle, ptr::null(), 1, 0, 5, 0) }, libc::EINVAL);
    // SAFETY: as above.
    let sent = unsafe { cman_send_data(handle, ptr::from_ref(&handle).cast(), -1, 0, 5, 0) };
    assert_fails(sent, libc::EINVAL);
    let node = cman_types::NodeId::new(3);
    for (to, port, payload) in [(None, 11, vec![b'x']), (node, 5, vec![7; 1492]), (None, 5, vec![])]
    {
        let expected = ClassicRequest::PortSend { to, port, payload: payload.into() };
        let heard = std::iter::repeat_with(|| asks.recv_timeout(Duration::from_secs(20)).unwrap())
            .find(|asked| !matches!(asked, Request::Classic(ClassicRequest::PortBind { .. })));
        assert_eq!(heard, Some(Request::Classic(expected)));
    }
}
