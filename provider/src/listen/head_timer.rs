//! The clock of one connection, for how long the head of a request may take.
//!
//! hyper asks for a new sleep with each head, and drops it once the head is there. To enter one in
//! the runtime's timers and to take it out again costs more than to read the head, so that a
//! connection keeps one and lets it run on: it wakes too early now and then, and looks.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;

/// The sleep that a connection keeps, while none waits for a head.
type Kept = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

#[derive(Default)]
pub(super) struct HeadTimer(Kept);

/// A wait for one deadline.
struct Wait {
    deadline: tokio::time::Instant,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    kept: Kept,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = deadline.into();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // One that would wake too late is of no use.
        let sleep = kept.filter(|sleep| sleep.deadline() <= deadline);
        let sleep = sleep.unwrap_or_else(|| Box::pin(tokio::time::sleep_until(deadline)));
        Box::pin(Wait {
            deadline,
            sleep: Some(sleep),
            kept: Arc::clone(&self.0),
        })
    }

    fn now(&self) -> Instant {
        TokioTimer::new().now()
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Some(sleep) = &mut this.sleep {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() < this.deadline {
                sleep.as_mut().reset(this.deadline);
                ready!(sleep.as_mut().poll(context));
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = self.sleep.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_deadline_though_all_share_a_sleep() {
        let timer = HeadTimer::default();
        let limit = Duration::from_mins(1);
        // Three heads come in time.
        for _ in 0..3 {
            let mut wait = timer.sleep(limit);
            let waited = tokio::time::timeout(Duration::from_secs(40), wait.as_mut()).await;
            assert!(waited.is_err(), "the head had time");
        }
        assert!(timer.0.lock().unwrap().is_some(), "the sleep is kept");
        // The fourth does not.
        let began = timer.now();
        timer.sleep(limit).await;
        let took = timer.now() - began;
        assert!(took >= limit && took < limit * 2, "{took:?}");
        // What is due earlier than the sleep that is kept does not wait for it.
        let began = timer.now();
        drop(timer.sleep(limit));
        timer.sleep(Duration::from_secs(1)).await;
        assert!(timer.now() - began < limit);
    }
}
