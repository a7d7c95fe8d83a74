//! One list of cases, run over every way across. Each names the promises that it needs; where a
//! way doesn't make one, the case is skipped there, and how many are is asserted.

mod answers;
mod batches;
mod busy;
mod closing;
mod facts;
mod loans;
mod loops;
mod many;
mod mixed;
mod opening;
mod pollers;
mod raw;
mod readiness;
mod remainders;
mod requests;
mod runtime;
mod sharing;
mod sizes;
mod states;
mod timeouts;
mod views;

use crate::common::{self, Pair};
use std::sync::RwLock;
use std::time::Duration;
use treenail::{Fault, TransportKind, set_faults};

/// A way across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Rings in shared memory.
    Shm,
    /// Frames through a local socket.
    Local,
    /// `shm:` where no memory can be shared: frames through its socket.
    Fallback,
    /// Bytes through a local socket.
    Raw,
    /// Both ends at once, or on a socket that was given: rings in shared memory.
    Pair,
}

/// What a case needs of the way that it is run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// What was one message arrives as one.
    Boundaries,
    /// A message may have a tag, be a request, or a reply.
    Tags,
    /// Views and loans lie in a ring, of a size that was asked for.
    InPlace,
    /// There are no frames.
    NoFrames,
    /// Two programs meet at a name.
    Names,
}

use Promise::{Boundaries, InPlace, Names, NoFrames, Tags};

/// Faults are the whole process'.
static FAULTS: RwLock<()> = RwLock::new(());

impl Way {
    fn promises(self) -> &'static [Promise] {
        match self {
            Way::Shm => &[Boundaries, Tags, InPlace, Names],
            Way::Pair => &[Boundaries, Tags, InPlace],
            Way::Local | Way::Fallback => &[Boundaries, Tags, Names],
            Way::Raw => &[NoFrames, Names],
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Way::Shm | Way::Fallback => "shm",
            Way::Local | Way::Raw => "local",
            Way::Pair => panic!("it has no name"),
        }
    }

    /// The options that this way needs besides `options`.
    pub fn options(self, options: &str) -> String {
        match (self, options) {
            (Way::Raw, "") => "raw=1".to_owned(),
            (Way::Raw, options) => format!("{options}&raw=1"),
            (_, options) => options.to_owned(),
        }
    }

    /// An endpoint of its own, with options.
    pub fn endpoint(self, options: &str) -> String {
        let endpoint = format!("{}:{}", self.scheme(), common::name());
        common::with(&endpoint, &self.options(options))
    }

    /// Runs `connect` such that what it connects goes this way.
    pub fn during<T>(self, connect: impl FnOnce() -> T) -> T {
        if self != Way::Fallback {
            let _others = FAULTS.read().unwrap_or_else(|poison| poison.into_inner());
            return connect();
        }
        let _alone = FAULTS.write().unwrap_or_else(|poison| poison.into_inner());
        set_faults(&[Fault::NoMemfd]);
        let connected = std::panic::catch_unwind(std::panic::AssertUnwindSafe(connect));
        set_faults(&[]);
        connected.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Two channels that are joined this way.
    pub fn pair(self, options: &str) -> Pair {
        self.pair_of(options, options)
    }

    /// The same with options of their own for the connecting and the listening side.
    pub fn pair_of(self, connecting: &str, listening: &str) -> Pair {
        let (connecting, listening) = (self.options(connecting), self.options(listening));
        let pair = self.during(|| match self {
            Way::Pair => common::private_pair_of(&connecting, &listening),
            _ => common::pair_of(self.scheme(), &connecting, &listening),
        });
        let transport = pair.connector.peer().expect("it is connected").transport;
        assert_eq!(transport, self.transport());
        pair
    }

    /// What both sides say of how messages cross.
    pub fn transport(self) -> TransportKind {
        match self {
            Way::Shm | Way::Pair => TransportKind::Shm,
            _ => TransportKind::Local,
        }
    }
}

fn run(way: Way, needs: &[Promise], case: fn(Way)) {
    if is_possible(way, needs) {
        common::bounded(Duration::from_secs(120), move || case(way));
    }
}

fn is_possible(way: Way, needs: &[Promise]) -> bool {
    needs.iter().all(|need| way.promises().contains(need))
}

macro_rules! cases {
    ($($file:ident::$name:ident needs [$($promise:ident)*],)*) => {
        /// Every case, and what it needs.
        const CASES: &[(&str, &[Promise])] = &[$((stringify!($name), &[$($promise),*])),*];

        $(mod $name {
            use super::*;
            const NEEDS: &[Promise] = &[$($promise),*];

            #[test]
            fn over_shm() {
                run(Way::Shm, NEEDS, super::$file::$name);
            }

            #[test]
            fn over_local() {
                run(Way::Local, NEEDS, super::$file::$name);
            }

            #[test]
            fn over_a_fallback() {
                run(Way::Fallback, NEEDS, super::$file::$name);
            }

            #[test]
            fn over_raw_bytes() {
                run(Way::Raw, NEEDS, super::$file::$name);
            }

            #[test]
            fn over_a_pair() {
                run(Way::Pair, NEEDS, super::$file::$name);
            }
        })*
    };
}

cases! {
    sizes::every_size_around_a_boundary_arrives needs [Boundaries],
    sizes::random_sizes_arrive_through_random_verbs needs [Boundaries],
    sizes::what_is_over_the_limit_is_refused needs [Boundaries],
    sizes::too_small_a_buffer_leaves_the_message needs [Boundaries],
    sharing::order_is_kept_through_every_verb needs [Boundaries],
    sharing::many_senders_share_one_handle needs [Boundaries],
    sharing::many_receivers_share_one_handle needs [Boundaries],
    sharing::all_threads_of_both_ends_send_and_receive needs [Boundaries],
    sharing::one_thread_sends_and_another_receives needs [],
    sharing::another_takes_over_when_the_one_that_polls_leaves needs [],
    closing::a_third_thread_wakes_whoever_waits needs [],
    closing::the_peer_wakes_whoever_waits needs [],
    closing::an_end_that_another_thread_finds_is_the_end needs [],
    closing::own_close_ends_every_call needs [],
    closing::the_peers_close_comes_after_its_messages needs [],
    closing::a_full_channel_is_closed_in_good_order needs [Boundaries],
    closing::dropping_is_closing needs [],
    closing::closing_amid_a_message_drops_only_that needs [Boundaries],
    closing::close_wakes_waiting_requests needs [Tags],
    timeouts::nothing_waits_without_time needs [],
    timeouts::no_timeout_ends_early needs [],
    timeouts::requests_time_out needs [Tags],
    timeouts::late_replies_keep_no_call_beyond_its_time needs [Tags InPlace],
    readiness::the_fd_is_readable_until_again needs [],
    readiness::the_fd_shows_room needs [],
    readiness::the_fd_shows_the_end needs [],
    readiness::the_fd_stays_readable_while_messages_are_left needs [Boundaries],
    readiness::a_waiting_thread_leaves_the_fd_its_events needs [Boundaries],
    states::another_thread_s_send_takes_away_no_room needs [],
    states::whoever_was_away_for_long_still_sees_it needs [],
    states::a_receiver_is_not_woken_for_room needs [Boundaries],
    states::a_reply_that_nobody_fetches_keeps_nobody_awake needs [Tags],
    states::what_a_request_reads_for_others_stays_shown needs [Tags],
    states::both_descriptors_show_the_end needs [],
    states::a_timed_out_send_shows_when_there_is_room needs [Boundaries],
    states::a_close_over_the_rest_of_a_message_is_a_loss needs [Boundaries],
    states::a_close_leaves_nothing_behind_an_open_loan needs [InPlace],
    states::what_two_sent_in_vain_goes_out_while_both_receive needs [Boundaries],
    busy::a_busy_poll_finds_what_is_there_and_leaves_it needs [],
    busy::a_busy_poll_hides_nothing_from_the_fd needs [],
    busy::a_busy_poll_sees_what_comes_meanwhile needs [],
    busy::loops_that_look_before_they_sleep_lose_no_wake_up needs [],
    loops::no_wake_up_is_lost_in_an_event_loop needs [],
    loops::one_message_an_event_is_enough needs [],
    loops::threads_that_share_the_fd_lose_no_wake_up needs [Boundaries],
    loops::one_loop_may_only_send_and_another_only_receive needs [],
    loops::loops_and_waiting_threads_mix needs [Boundaries],
    remainders::a_send_that_ran_out_of_time_is_finished_by_flush needs [],
    remainders::a_remainder_goes_out_with_later_calls needs [Boundaries],
    remainders::a_remainder_goes_out_when_the_fd_is_serviced needs [],
    remainders::a_remainder_goes_out_by_receiving_at_the_fd_alone needs [],
    remainders::what_a_batch_left_goes_out_when_the_fd_shows_room needs [],
    remainders::room_for_more_of_a_batch_is_not_kept_from_its_sender needs [],
    remainders::a_send_without_room_takes_nothing needs [Boundaries],
    remainders::flush_with_nothing_left_is_done_at_once needs [],
    requests::a_reply_finds_its_request needs [Tags],
    requests::both_peers_request_at_once_from_many_threads needs [Tags],
    requests::two_that_request_at_once_do_not_block_each_other needs [Tags],
    requests::a_late_reply_is_dropped needs [Tags],
    requests::the_inbox_has_a_limit needs [Tags],
    requests::a_request_in_halves_gets_its_own_reply needs [Tags],
    requests::a_reply_that_another_call_reads_shows_on_the_fd needs [Tags],
    requests::a_started_request_can_be_cancelled needs [Tags],
    requests::the_end_is_the_end_of_a_request_in_halves needs [Tags],
    requests::a_request_cut_by_a_full_inbox_goes_out_whole needs [Tags],
    requests::started_requests_are_answered_like_messages needs [Tags],
    requests::other_messages_keep_their_order needs [Tags],
    requests::only_requests_can_be_answered needs [Tags],
    requests::large_requests_and_replies_arrive needs [Tags],
    answers::a_second_reply_is_invalid needs [Tags],
    answers::a_request_taken_without_its_id_can_not_be_answered needs [Tags],
    answers::a_reply_that_found_no_room_may_be_tried_again needs [Tags],
    views::views_are_released_in_any_order needs [Boundaries],
    views::too_many_views_are_refused_and_never_waited_for needs [InPlace],
    views::an_empty_ring_is_no_failure_while_others_hold_views needs [InPlace],
    views::one_who_waits_hears_that_the_peer_found_no_room needs [InPlace],
    views::copied_views_hold_no_room needs [Boundaries],
    views::views_outlive_the_end needs [Boundaries],
    loans::loans_arrive_in_the_order_they_were_lent needs [InPlace],
    loans::loans_out_of_order_all_arrive needs [Boundaries],
    loans::shortened_and_dropped_loans_leave_no_trace needs [Boundaries],
    loans::loans_of_every_size_arrive needs [Boundaries],
    loans::a_loan_is_read_from_a_pipe_and_a_view_written_to_it needs [Boundaries],
    loans::a_loan_can_not_be_committed_longer needs [Boundaries],
    loans::a_full_ring_lends_nothing needs [InPlace],
    loans::flush_waits_for_what_a_loan_holds_back needs [InPlace],
    loans::an_open_loan_alone_holds_nothing_back needs [Boundaries],
    loans::a_commit_with_time_leaves_nothing_here needs [Tags],
    loans::a_commit_whose_time_runs_out_amid_is_finished_by_flush needs [Boundaries],
    loans::a_loan_without_room_stays_open needs [Tags],
    loans::a_commit_waits_for_its_turn needs [Boundaries],
    loans::a_loan_in_the_ring_never_waits needs [InPlace],
    batches::a_batch_arrives_in_order_and_aligned needs [Boundaries],
    batches::a_batch_without_room_is_taken_in_part needs [Boundaries],
    batches::large_messages_go_in_batches_too needs [Boundaries],
    batches::a_batch_stops_at_what_does_not_fit needs [Boundaries],
    batches::tags_and_requests_survive_a_batch needs [Tags],
    facts::stats_count_both_ways needs [Boundaries],
    facts::the_ring_is_as_large_as_wished needs [InPlace],
    facts::the_peer_is_who_the_kernel_says needs [],
    opening::connecting_and_accepting_go_on_by_events_alone needs [Names],
    opening::two_programs_meet_without_a_listener needs [Names],
    opening::creating_goes_on_by_events_alone needs [Names],
    opening::retry_waits_for_a_listener needs [Names],
    opening::the_fd_starts_readable_whatever_came_before needs [Names],
    opening::close_cancels_connecting needs [Names],
    opening::a_name_has_one_listener needs [Names],
    opening::connecting_to_nobody_is_not_found needs [Names],
    opening::a_closed_listener_wakes_whoever_accepts needs [Names],
    opening::between_two_tries_the_fd_is_silent needs [Names],
    opening::a_handshake_shows_on_the_fd_once_its_time_is_over needs [Boundaries Names],
    opening::a_listener_is_silent_once_a_stalled_handshake_is_dropped needs [Boundaries Names],
    pollers::a_second_key_leaves_the_first_as_it_was needs [],
    raw::bytes_arrive_in_order_whatever_the_pieces needs [NoFrames],
    raw::frames_have_no_meaning needs [NoFrames],
    raw::tags_and_requests_are_refused needs [NoFrames],
    raw::a_plain_program_joins needs [NoFrames],
}

#[test]
fn so_many_cases_are_skipped_and_no_more() {
    let skipped = |way| {
        let impossible = CASES.iter().filter(|(_, needs)| !is_possible(way, needs));
        impossible.count()
    };
    let ways = [Way::Shm, Way::Local, Way::Fallback, Way::Raw, Way::Pair];
    assert_eq!((CASES.len(), ways.map(skipped)), (117, [4, 14, 14, 72, 16]));
}
