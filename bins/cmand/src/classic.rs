//! Requests of the classic interface, each to the part of the daemon that answers it.

use crate::{
    answer, context::Context, debug, dirty, fencing, groups::call::What, outlet::Outlet, reload,
    shutdown, shutdown::voters::Wish, voting,
};
use cman_ipc::{
    ClassicRequest, ErrorCode, Message, Reply, Request,
    classic::{BarrierChange as Change, barrier},
};
use cman_services::{
    BarrierChange, BarrierOptions, BarrierRequest, ClientRequest, FenceRequest, PortRequest,
};
use std::sync::Arc;

/// Who does what a client asks.
#[derive(Debug)]
pub(crate) enum Route {
    /// The node, in the order in which this client asked.
    Node(What),
    /// The service thread: [`answer()`], or [`hear`] if it is not answered.
    Service(ClassicRequest),
}

/// Who does that.
pub(crate) fn route(request: ClassicRequest) -> Route {
    match request {
        ClassicRequest::BarrierRegister { name, flags, nodes }
            if flags & barrier::MULTISTEP == 0 =>
        {
            let (autodelete, enabled) =
                (flags & barrier::AUTODELETE != 0, flags & barrier::ENABLED != 0);
            let options = BarrierOptions { autodelete, enabled };
            ask(BarrierRequest::Register { name, nodes, options })
        }
        ClassicRequest::BarrierChange { name, change } => {
            ask(BarrierRequest::Change { name, change: barrier_change(change) })
        }
        ClassicRequest::BarrierDelete { name } => ask(BarrierRequest::Delete { name }),
        ClassicRequest::BarrierWait { name } => ask(BarrierRequest::Wait { name }),
        ClassicRequest::FenceSet { node, at, agent } => ask(FenceRequest::Note { node, at, agent }),
        ClassicRequest::PortBind { port } => ask(PortRequest::Bind { port }),
        ClassicRequest::PortIsBound { node, port } => Route::Node(What::IsBound(node, port)),
        ClassicRequest::PortSend { to, port, payload } => {
            ask(PortRequest::Send { to, port, payload })
        }
        other => Route::Service(other),
    }
}

fn ask(request: impl Into<ClientRequest>) -> Route {
    Route::Node(What::Request(request.into()))
}

const fn barrier_change(change: Change) -> BarrierChange {
    match change {
        Change::Autodelete(on) => BarrierChange::Autodelete(on),
        Change::Enable => BarrierChange::Enable,
        Change::Nodes(nodes) => BarrierChange::Nodes(nodes),
        Change::Timeout(seconds) => BarrierChange::Timeout(seconds),
    }
}

/// The reply to a request for the service thread, from a client whose notices go to `events`. It
/// may take any time.
pub(crate) async fn answer(
    context: Arc<Context>,
    events: Arc<Outlet>,
    request: ClassicRequest,
) -> Reply {
    if let Some(reply) = voting::answer(&context, &request).await {
        return reply;
    }
    match request {
        // BR-06
        ClassicRequest::BarrierRegister { .. } => {
            let text = "barriers of several steps are not supported".to_owned();
            answer::refused(ErrorCode::Invalid, text, "register one for each step")
        }
        ClassicRequest::FenceGet { node } => fencing::answer(&context, node).await,
        ClassicRequest::SetDirty => dirty::set(&context).await,
        ClassicRequest::Notify { on } => {
            context.listeners.hear_changes(&events, on);
            Reply::Done
        }
        ClassicRequest::NotifyViews { on } => {
            context.listeners.hear_views(&events, on);
            Reply::Done
        }
        ClassicRequest::SetConfigVersion { version } => {
            reload::set_version(&context, version).await
        }
        ClassicRequest::SetDebug { mask } => {
            debug::set(context.log.details(), mask);
            Reply::Done
        }
        ClassicRequest::Shutdown { anyway, remove } => {
            shutdown::ask(&context, &events, Wish { anyway, remove }).await
        }
        other => {
            let kind = Message::Request(Request::Classic(other)).kind();
            Reply::Error(answer::unsupported(kind))
        }
    }
}

/// Does what is not answered.
pub(crate) fn hear(context: &Context, events: &Outlet, request: &ClassicRequest) {
    if let ClassicRequest::ShutdownReply { agree } = request {
        context.listeners.reply(events, *agree);
    }
}
