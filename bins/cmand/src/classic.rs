//! Requests of the classic interface, each to the part of the daemon that answers it.

use crate::{answer, context::Context, groups::call::What, outlet::Outlet};
use cman_ipc::{ClassicRequest, Message, Reply, Request};
use cman_services::PortRequest;
use std::sync::Arc;

/// Who does what a client asks.
#[derive(Debug)]
pub(crate) enum Route {
    /// The node, in the order in which this client asked.
    Node(What),
    /// The service thread: [`answer`], or [`hear`] if it is not answered.
    Service(ClassicRequest),
}

/// Who does that.
pub(crate) fn route(request: ClassicRequest) -> Route {
    let node = |request: PortRequest| Route::Node(What::Request(request.into()));
    match request {
        ClassicRequest::PortBind { port } => node(PortRequest::Bind { port }),
        ClassicRequest::PortIsBound { node, port } => Route::Node(What::IsBound(node, port)),
        ClassicRequest::PortSend { to, port, payload } => {
            node(PortRequest::Send { to, port, payload })
        }
        other => Route::Service(other),
    }
}

/// The reply to a request for the service thread, from a client whose notices go to `_events`. It
/// may take any time.
pub(crate) async fn answer(
    _: Arc<Context>,
    _events: Arc<Outlet>,
    request: ClassicRequest,
) -> Reply {
    let kind = Message::Request(Request::Classic(request)).kind();
    Reply::Error(answer::unsupported(kind))
}

/// Does what is not answered.
pub(crate) fn hear(_: &Context, _events: &Outlet, request: &ClassicRequest) {
    tracing::debug!("a client said what is of no use: {request:?}");
}
