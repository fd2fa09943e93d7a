//! What the server says on the control socket.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use bytemuck::{Pod, cast_slice};
use outrigger_layout::frame::{BoundBody, ControlHeader, ExtentBody, control};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::Frame;

use crate::extents::Unmapped;
use crate::session::Session;

/// Deals with one frame.
///
/// # Errors
/// PROTOCOL: a frame that the server may not send, or of the wrong size.
pub(crate) fn handle(
    session: &Session,
    frame: Frame,
    fds: &mut VecDeque<OwnedFd>,
) -> Result<(), Error> {
    let (header, body) = match frame {
        Frame::Control(header, body) => (header, body),
        Frame::Handshake(..) => return Err(Error::protocol("a second handshake")),
    };
    match header.kind {
        control::BOUND => bound(session, &header, &body),
        control::EXTENT => {
            let id = header.token;
            let fd = fds.pop_front();
            let fd = fd.ok_or_else(|| Error::protocol(format!("extent {id} without its fd")))?;
            extent(session, id, &exact("EXTENT", &body)?, &fd)
        }
        control::EXTENT_DROP => {
            session.extents.remove(header.token)?;
            session.post(control::EXTENT_DROPPED, Code::OK, header.token, &[]);
            Ok(())
        }
        control::GOAWAY => {
            go_away(session, &body);
            Ok(())
        }
        control::BYE => {
            bye(session, &header, &body);
            Ok(())
        }
        kind => Err(Error::protocol(format!(
            "frame {kind} from the server (allowed: 3, 4, 6, 8, 10)"
        ))),
    }
}

fn exact<T: Pod>(name: &str, body: &[u8]) -> Result<T, Error> {
    bytemuck::try_pod_read_unaligned(body).map_err(|_| {
        let (seen, allowed) = (body.len(), size_of::<T>());
        Error::protocol(format!("{name} body of {seen} bytes (allowed: {allowed})"))
    })
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn bound(session: &Session, header: &ControlHeader, body: &[u8]) -> Result<(), Error> {
    let code = Code(header.code);
    if !code.is_ok() {
        let error = Error::new(code, text(body));
        return session.bindings.answer(header.token, Err(error));
    }
    let BoundBody { method, reserved } = exact("BOUND", body)?;
    if method == 0 || reserved != [0; 3] {
        return Err(Error::protocol(format!(
            "method id {method} with reserved {reserved:?} (allowed: 1 and up, zeros)"
        )));
    }
    session.bindings.answer(header.token, Ok(method))
}

fn extent(session: &Session, id: u64, body: &ExtentBody, fd: &OwnedFd) -> Result<(), Error> {
    let code = match session.extents.add(id, body, fd) {
        Ok(()) => Code::OK,
        Err(Unmapped::Exhausted(error)) => {
            tracing::warn!(epoch = session.terms.epoch, id, %error, "extent not mapped");
            error.code()
        }
        Err(Unmapped::Violation(error)) => return Err(error),
    };
    session.post(control::EXTENT_MAPPED, code, id, &[]);
    Ok(())
}

fn go_away(session: &Session, body: &[u8]) {
    let reason = match text(body) {
        reason if reason.is_empty() => "the server announced its end".to_owned(),
        reason => reason,
    };
    tracing::debug!(epoch = session.terms.epoch, reason, "GOAWAY");
    let error = Error::with_details(Code::SHUTTING_DOWN, &[&reason]);
    if let Some(finals) = session.go_away(error) {
        session.post(control::GOAWAY_ACK, Code::OK, 0, &[cast_slice(&finals)]);
    }
}

/// The end, with the server's reason; answers that came before it still count.
fn bye(session: &Session, header: &ControlHeader, body: &[u8]) {
    let reason = match Code(header.code) {
        Code::OK => {
            let text = format!("the server said goodbye {}", text(body));
            Error::with_details(Code::PEER_GONE, &[&text.trim_end()])
        }
        code => Error::new(code, text(body)),
    };
    session.settle();
    session.end(reason, Code::OK);
}
