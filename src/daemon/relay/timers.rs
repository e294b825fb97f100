//! What the clock decides: pings, timeouts, and how long anything is waited for.

use std::time::{Duration, Instant};

use crate::frame::CloseCode;

use super::inbound::Heard;
use super::outbound::Moved;
use super::phase::Phase;
use super::{Goodbye, Relay};

/// Between pings to a peer that is not read: a peer that is gone answers one with a reset.
const STALL_PING: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    /// When bytes last came from the peer, or it could not be expected to say anything.
    heard: Instant,
    /// Our last ping since.
    pinged: Option<Pinged>,
    /// When a message last ended, either way.
    message: Instant,
    /// When we last pinged it while it is not read, or when that began.
    stalled: Option<Instant>,
    /// Since when frames wait without one byte leaving.
    stuck: Option<Instant>,
    /// Since when messages have had nowhere to go.
    deaf: Option<Instant>,
    /// When the program ended.
    pub(super) exited: Option<Instant>,
}

/// A ping that has no answer yet.
#[derive(Clone, Copy, Debug)]
struct Pinged {
    at: Instant,
    /// Bytes before it that the peer had not acknowledged then.
    ahead: usize,
    /// Bytes written since, the ping first.
    behind: usize,
}

impl Timers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            pinged: None,
            stalled: None,
            message: now,
            stuck: None,
            deaf: None,
            exited: None,
        }
    }

    pub(super) fn note_heard(&mut self, heard: Heard, now: Instant) {
        if heard.bytes {
            self.excuse(now);
        }
        if heard.message {
            self.message = now;
        }
    }

    /// Its silence counts from now on.
    fn excuse(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    pub(super) fn note_sent(&mut self, moved: Moved, is_queued: bool, now: Instant) {
        if let Some(pinged) = &mut self.pinged {
            pinged.behind += moved.written;
        }
        if is_queued {
            // A ping would wait as well. Who does not read at all is the write timeout's.
            self.excuse(now);
        }
        if !is_queued {
            self.stuck = None;
        } else if moved.written > 0 || self.stuck.is_none() {
            self.stuck = Some(now);
        }
        if moved.message {
            self.message = now;
        }
    }

    /// The peer is not read: its silence means nothing.
    pub(super) fn note_stalled(&mut self, now: Instant) {
        self.stalled.get_or_insert(now);
    }

    /// The peer is read.
    pub(super) fn note_flowing(&mut self, now: Instant) {
        if self.stalled.take().is_some() {
            self.excuse(now);
        }
    }

    pub(super) fn note_deaf(&mut self, now: Instant) {
        self.deaf.get_or_insert(now);
    }

    pub(super) fn note_exit(&mut self, now: Instant) {
        self.exited = Some(now);
    }
}

/// A moment at which something has to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    /// The near end has closed its input, and a message is lost.
    Deaf,
    /// No message came or went.
    Idle,
    /// The peer is silent.
    Ping,
    /// It does not even answer a ping.
    Silence,
    /// It does not read.
    Stuck,
    /// It neither answers our Close nor says anything else.
    Unanswered,
}

impl Relay {
    /// Does what is due; whether anything was.
    pub(super) fn look_at_clock(&mut self, now: Instant) -> bool {
        let has_climbed = self.climb(now);
        let dues: Vec<_> = self.dues().filter(|(at, _)| *at <= now).collect();
        for (_, due) in &dues {
            match due {
                Due::Deaf if self.program.is_none() => {
                    self.is_stopped = true;
                    let goodbye = Goodbye::new(CloseCode::GOING_AWAY, "reader has gone");
                    self.close(goodbye, now);
                }
                Due::Deaf => {
                    let goodbye =
                        Goodbye::new(CloseCode::INTERNAL_ERROR, "service has closed its input");
                    self.close(goodbye, now);
                }
                Due::Idle => self.close(Goodbye::new(CloseCode::GOING_AWAY, "idle timeout"), now),
                Due::Ping => {
                    let ahead = self.peer.unacknowledged();
                    let ping = Pinged {
                        at: now,
                        ahead,
                        behind: 0,
                    };
                    self.timers.pinged = Some(ping);
                    self.timers.stalled = self.timers.stalled.map(|_| now);
                    self.connection.ping(b"");
                }
                Due::Silence if self.is_catching_up() => self.timers.excuse(now),
                Due::Silence => {
                    let goodbye = Goodbye::new(CloseCode::GOING_AWAY, "no answer to ping");
                    self.close(goodbye, now);
                }
                Due::Unanswered => self.lose_peer("no answer to close", now),
                Due::Stuck => self.lose_peer("write timeout", now),
            }
        }
        has_climbed || !dues.is_empty()
    }

    /// Whether the peer takes what is before our last ping, and has not come to the ping itself. An
    /// acknowledgement is its kernel's: of the ping alone it would say nothing of the peer.
    fn is_catching_up(&self) -> bool {
        let left = self.peer.unacknowledged();
        let caught_up = |ping: Pinged| (ping.ahead + ping.behind).saturating_sub(left);
        self.timers
            .pinged
            .is_some_and(|ping| (1..=ping.ahead).contains(&caught_up(ping)))
    }

    /// The next moment at which something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let waits = match &self.phase {
            Phase::Open => self.patience(),
            Phase::Answering { until, .. } => Some(*until),
            Phase::Closing(closing) => closing.until,
            Phase::Hearing { .. } | Phase::Gone => None,
        };
        self.dues()
            .map(|(at, _)| at)
            .chain(waits)
            .chain(self.ladder.deadline(self.settings.grace))
            .min()
    }

    fn dues(&self) -> impl Iterator<Item = (Instant, Due)> + use<> {
        let settings = self.settings;
        let timers = self.timers;
        let is_open = matches!(self.phase, Phase::Open);
        let is_answering = matches!(self.phase, Phase::Answering { .. });
        let is_gone = matches!(self.phase, Phase::Gone);
        let deaf = timers.deaf.filter(|_| is_open && timers.exited.is_none());
        let deaf = deaf.map(|since| (since + settings.grace, Due::Deaf));
        let idle = settings.idle_timeout.filter(|_| is_open);
        let idle = idle.map(|timeout| (timers.message + timeout, Due::Idle));
        let [ping, silence] = self.ping_dues(is_open || is_answering);
        let stuck = timers
            .stuck
            .filter(|_| !is_gone)
            .zip(settings.write_timeout);
        let stuck = stuck.map(|(since, timeout)| (since + timeout, Due::Stuck));
        let patience = settings.close_at_end.filter(|_| !self.inbound.is_stalled());
        let unanswered = match &self.phase {
            Phase::Hearing { since } => Some(timers.heard.max(*since)),
            Phase::Open | Phase::Answering { .. } | Phase::Closing(_) | Phase::Gone => None,
        };
        let unanswered = unanswered.zip(patience);
        let unanswered = unanswered.map(|(since, patience)| (since + patience, Due::Unanswered));
        [deaf, idle, ping, silence, stuck, unanswered]
            .into_iter()
            .flatten()
    }

    /// When to ping, and when silence is the end. A peer that is not read cannot be blamed for
    /// silence, but it is pinged: an end of the stream behind a full window shows in no other way.
    fn ping_dues(&self, may_ping: bool) -> [Option<(Instant, Due)>; 2] {
        let timers = self.timers;
        if !may_ping {
            return [None, None];
        }
        if let Some(since) = timers.stalled {
            return [Some((since + STALL_PING, Due::Ping)), None];
        }
        let Some(interval) = self.settings.ping else {
            return [None, None];
        };
        match timers.pinged {
            None => [Some((timers.heard + interval, Due::Ping)), None],
            Some(pinged) => [None, Some((pinged.at + interval, Due::Silence))],
        }
    }
}
