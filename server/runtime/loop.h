// The loop: one thread, one gRPC completion queue, one broker. Steps 1, 2, 6, 7 and 8 of a
// message's life meet here.
//
// A turn waits until the completion queue has something, or the inbox, or a deadline comes; carries
// out up to a bounded number of completions on the spot (parse, step, answer); then lets the calls
// that were given something write it, and hands what is to be durable to the journal writer. So
// what a turn piles up leaves as one frame a stream and as one batch, without any timer.
//
// Thread safety: Run's thread only, but for Post.
//
// Invariants:
// 1. A step's effects are handed out right after it, before anything else.
// 2. At most one batch is with the journal writer, and one piece of work with the pager.
// 3. After the journal failed nothing is stepped and nothing is released any more.
// 4. A held publish is stepped later or not at all; it is the call that waits (see flow()).
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/core/broker.h"
#include "server/runtime/completion.h"
#include "server/runtime/event.h"
#include "server/runtime/flow_control.h"
#include "server/runtime/inbox.h"
#include "server/runtime/journal_writer.h"
#include "server/runtime/listener.h"
#include "server/runtime/mail.h"
#include "server/runtime/pager.h"
#include "server/runtime/registry.h"
#include "server/runtime/shutdown.h"
#include "server/runtime/stats.h"
#include "server/runtime/turnstile.h"

namespace warren::runtime {

struct LoopOptions {
  FlowLimits flow;
  ShutdownOptions shutdown;
  // Where messages go that leave memory; the loop's own while it lives. Null if the broker pages
  // nothing out (see core::BrokerOptions).
  storage::Spill* spill = nullptr;
  // A turn carries out completions up to this number or for this long, whichever comes first, and
  // takes frames of publishers while that time lasts, one at least; then the calls may write and
  // the journal gets its batch. More makes larger frames and batches, and adds latency when the
  // broker is busy.
  int events_per_turn = 64;
  // gRPC reads from one socket each time it is asked for a completion, and may have none to give
  // then. While publishers wait at the turnstile it is asked again so often before they pass, or
  // else the sockets of consumers have their turn between those of publishers only.
  int fruitless_looks = 20;
  std::chrono::microseconds turn_time{1000};
};

class Loop {
 public:
  // All must outlive it. The broker has been recovered; the journal takes batches.
  Loop(grpc::CompletionQueue& queue, core::Broker& broker, storage::Journal& journal, Stats& stats,
       const LoopOptions& options);
  ~Loop();

  // Runs until a stop was requested or the journal failed, and all calls have ended; the queue is
  // shut down and empty then. OK after an orderly stop, else why the broker had to stop.
  // REQUIRES: the listener's handlers wait on `queue`.
  absl::Status Run(Listener& listener);

  // From any thread. StopRequested: stop, after a drain.
  void Post(Mail mail) { inbox_.Post(std::move(mail)); }

  // ---- For calls, on the loop's thread ----

  // One step of the broker, and its effects. Not from within a sink.
  void Submit(core::Command command);

  ReadyQueue& ready() { return ready_; }
  // What publishes passes it first.
  Turnstile& turnstile() { return turnstile_; }
  Registry& registry() { return registry_; }
  // To look at, between its steps.
  const core::Broker& broker() const { return broker_; }
  // Publishes wait while flow().held(); Session::OnFlowChanged tells of changes.
  const FlowControl& flow() const { return flow_; }
  Stats& stats() { return stats_; }

  // stopping(): calls that publish or want deliveries are refused; ended(): all are.
  const Shutdown& shutdown() const { return shutdown_; }

  // The publisher's or consumer's call has gone: it hears no more, and the broker is told.
  void Close(core::PublisherId publisher);
  void Close(core::ConsumerId consumer);

  // A drain, then the stop; as StopRequested. Begins at the end of this turn.
  void RequestStop() { shutdown_.Request(); }

  // Handlers that wait for a call or serve one; the queue lives until there is none.
  void HandlerStarted() { ++handlers_; }
  void HandlerEnded() { --handlers_; }

 private:
  // Receives the alarm by which other threads wake the loop.
  class WakeUp final : public Completion {
   public:
    explicit WakeUp(bool& underway) : underway_(underway) {}
    void Complete(bool) override { underway_ = false; }

   private:
    bool& underway_;
  };

  void Turn(Listener& listener);
  // Waits for completions and carries them out. When the turn's time is up.
  std::chrono::steady_clock::time_point TakeCompletions();
  void Advance(Listener& listener);
  void Begin(Shutdown::Phase phase, Listener& listener);
  void TakeMail();
  void Take(Mail& mail);
  void UpdateFlow();
  // Holds publishers while the store may be another broker's. Before anything is taken from them:
  // the process may have been stopped for long, at any place.
  void LookAtOwnership();
  // When that has to be looked at, if nothing else happens; none while the store is surely ours.
  std::optional<int64_t> LeaseEndMs() const;
  void KickJournal();
  void KickPager();
  // The latest time until which a turn may sleep.
  std::chrono::system_clock::time_point NextWake() const;
  // Ends the queue and takes what is left in it.
  void EndQueue();

  grpc::CompletionQueue& queue_;
  core::Broker& broker_;
  storage::Journal& journal_;
  Stats& stats_;
  const LoopOptions options_;

  Registry registry_;
  ReadyQueue ready_;
  Turnstile turnstile_;
  FlowControl flow_;
  Shutdown shutdown_;
  int handlers_ = 0;
  bool listener_down_ = false;
  std::thread listener_thread_;  // while the listener shuts down

  core::Effects effects_;  // of the step underway; reused
  bool stepping_ = false;
  std::vector<Mail> mail_;  // being taken; reused

  grpc::Alarm alarm_;  // set by whoever wakes the loop
  bool wake_up_underway_ = false;
  WakeUp wake_up_{wake_up_underway_};
  Inbox<Mail> inbox_;

  bool journal_idle_ = true;
  std::unique_ptr<JournalWriter> writer_;
  bool pager_idle_ = true;
  std::unique_ptr<Pager> pager_;  // null without a spill
};

}  // namespace warren::runtime
