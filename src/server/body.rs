//! Bodies that end: a request's that stops arriving is given up, and a response's is known of until it was sent.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::state::Server;

/// The longest pause between two pieces of a request's body.
const PAUSE: Duration = Duration::from_secs(30);
/// The same once the server was told to stop.
const STOPPING_PAUSE: Duration = Duration::from_secs(2);

/// A request's body stopped arriving.
#[derive(Debug, thiserror::Error)]
#[error("the body stopped arriving")]
pub(super) struct Stalled;

/// Middleware: what is said of bodies above holds for all of them.
pub(super) async fn bounded(State(server): State<Server>, request: Request, next: Next) -> Response {
    let answering = server.answering().token();
    let stopping = server.stopping().clone();
    let request = request.map(|body| match body.is_end_stream() {
        true => body,
        false => Body::new(Arriving::new(body, stopping)),
    });
    next.run(request).await.map(|body| Body::new(Leaving { body, _answering: answering }))
}

/// A request's body.
struct Arriving {
    body: Body,
    /// Runs while a piece is waited for.
    pause: Pin<Box<Sleep>>,
    waiting: bool,
    /// `None` once it was cancelled.
    stopping: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Arriving {
    fn new(body: Body, stopping: CancellationToken) -> Self {
        let stopping = Some(Box::pin(stopping.cancelled_owned()));
        Self { body, pause: Box::pin(sleep(PAUSE)), waiting: false, stopping }
    }

    fn pause_length(&self) -> Duration {
        if self.stopping.is_some() { PAUSE } else { STOPPING_PAUSE }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let mut begin = !std::mem::replace(&mut this.waiting, true);
        if let Some(stopping) = &mut this.stopping
            && stopping.as_mut().poll(context).is_ready()
        {
            this.stopping = None;
            begin = true;
        }
        if begin {
            let end = Instant::now() + this.pause_length();
            this.pause.as_mut().reset(end);
        }
        ready!(this.pause.as_mut().poll(context));
        Poll::Ready(Some(Err(Box::new(Stalled))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body: until it is dropped, the request is being answered.
struct Leaving {
    body: Body,
    _answering: TaskTrackerToken,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;

    fn arriving(stopping: &CancellationToken) -> Body {
        let beginning = stream::iter([Ok::<_, std::io::Error>("a beginning")]);
        Body::new(Arriving::new(Body::from_stream(beginning.chain(stream::pending())), stopping.clone()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_is_cut_sooner_once_the_server_stops() {
        let stopping = CancellationToken::new();
        let mut pieces = arriving(&stopping).into_data_stream();
        assert!(pieces.next().await.is_some_and(|piece| piece.is_ok()));
        let begin = Instant::now();
        let stop = async {
            sleep(Duration::from_secs(5)).await;
            stopping.cancel();
        };
        let (piece, ()) = tokio::join!(pieces.next(), stop);
        assert!(piece.is_some_and(|piece| piece.is_err()));
        assert_eq!(begin.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_is_given_up() {
        let mut pieces = arriving(&CancellationToken::new()).into_data_stream();
        assert!(pieces.next().await.is_some_and(|piece| piece.is_ok()));
        let begin = Instant::now();
        assert!(pieces.next().await.is_some_and(|piece| piece.is_err()));
        assert_eq!(begin.elapsed().as_secs(), 30);
    }
}
