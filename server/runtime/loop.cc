#include "server/runtime/loop.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "server/base/check.h"
#include "server/runtime/clock.h"
#include "server/runtime/log.h"

namespace warren::runtime {
namespace {

using SystemTime = std::chrono::system_clock::time_point;

// Long ago: take what is there, and don't sleep. For an alarm it means at once, where gRPC rounds
// the present up to its next millisecond.
constexpr SystemTime kNoWait{};

// The journal writer has one batch at a time and the rest is rare, so nobody waits for room.
constexpr size_t kInboxCapacity = 256;

}  // namespace

Loop::Loop(grpc::CompletionQueue& queue, core::Broker& broker, storage::Journal& journal,
           Stats& stats, const LoopOptions& options)
    : queue_(queue),
      broker_(broker),
      journal_(journal),
      stats_(stats),
      options_(options),
      flow_(options.flow),
      shutdown_(options.shutdown),
      inbox_(kInboxCapacity,
             [this] { alarm_.Set(&queue_, kNoWait, wake_up_.tag()); }),
      writer_(std::make_unique<JournalWriter>(
          journal, stats, [this](storage::Lsn lsn, absl::Status status) {
            inbox_.Post(JournalDone{lsn, std::move(status)});
          })) {
  if (options_.spill != nullptr) {
    pager_ = std::make_unique<Pager>(*options_.spill, [this](absl::StatusOr<core::Paged> moved) {
      inbox_.Post(PagesMoved{std::move(moved)});
    });
  }
}

Loop::~Loop() {
  inbox_.Close();
  if (listener_thread_.joinable()) listener_thread_.join();
}

absl::Status Loop::Run(Listener& listener) {
  while (shutdown_.phase() != Shutdown::Phase::kOver) Turn(listener);
  listener_thread_.join();
  inbox_.Close();
  EndQueue();
  return shutdown_.failure();
}

void Loop::Turn(Listener& listener) {
  const auto until = TakeCompletions();
  if (const auto deadline = broker_.NextDeadline(); deadline && NowMs() >= *deadline) {
    Submit(core::Tick{});
  }
  turnstile_.Run(until);
  KickJournal();
  KickPager();
  UpdateFlow();
  ready_.Run();
  // What the calls that went on have published needn't wait for the next turn.
  KickJournal();
  KickPager();
  Advance(listener);
}

std::chrono::steady_clock::time_point Loop::TakeCompletions() {
  const bool armed = !wake_up_underway_ && inbox_.Arm();
  const bool may_sleep = ready_.empty() && turnstile_.empty() && !inbox_.HasMail();
  void* tag = nullptr;
  bool ok = false;
  auto status = queue_.AsyncNext(&tag, &ok, may_sleep ? NextWake() : kNoWait);
  if (armed && !inbox_.Disarm()) wake_up_underway_ = true;
  LookAtOwnership();
  TakeMail();
  const auto until = std::chrono::steady_clock::now() + options_.turn_time;
  for (int events = 0, fruitless = 0;;) {
    if (status == grpc::CompletionQueue::GOT_EVENT) {
      fruitless = 0;
      Completion::FromTag(tag)->Complete(ok);
      TakeMail();
      if (++events == options_.events_per_turn) break;
    } else if (turnstile_.empty() || ++fruitless > options_.fruitless_looks) {
      break;
    }
    if (std::chrono::steady_clock::now() >= until) break;
    status = queue_.AsyncNext(&tag, &ok, kNoWait);
    LookAtOwnership();
  }
  return until;
}

SystemTime Loop::NextWake() const {
  int64_t wake_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        SystemTime::max().time_since_epoch())
                        .count();
  for (const auto deadline :
       {broker_.NextDeadline(), flow_.NextDeadline(), shutdown_.NextDeadline(), LeaseEndMs()}) {
    if (deadline) wake_ms = std::min(wake_ms, *deadline);
  }
  return SystemTime(std::chrono::milliseconds(wake_ms));
}

void Loop::TakeMail() {
  if (!inbox_.HasMail()) return;
  inbox_.Take(mail_);
  for (Mail& mail : mail_) Take(mail);
  mail_.clear();
}

void Loop::Take(Mail& mail) {
  std::visit(
      [this](auto& m) {
        using T = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<T, JournalDone>) {
          journal_idle_ = true;
          if (m.status.ok()) {
            Submit(core::Durable{m.lsn});
            KickJournal();
          } else {
            shutdown_.Fail(m.status);
          }
        } else if constexpr (std::is_same_v<T, PagesMoved>) {
          pager_idle_ = true;
          if (m.moved.ok()) {
            Submit(*std::move(m.moved));
            KickPager();
          } else {
            shutdown_.Fail(m.moved.status());
          }
        } else if constexpr (std::is_same_v<T, JournalStalled>) {
          flow_.SetStalled(m.reason);
        } else if constexpr (std::is_same_v<T, JournalResumed>) {
          flow_.ClearStalled();
        } else if constexpr (std::is_same_v<T, DiskLow>) {
          flow_.SetDiskLow(m.reason);
        } else if constexpr (std::is_same_v<T, DiskRoom>) {
          flow_.ClearDiskLow();
        } else if constexpr (std::is_same_v<T, JournalLost>) {
          shutdown_.Fail(m.why);
        } else if constexpr (std::is_same_v<T, StopRequested>) {
          shutdown_.Request();
        } else if constexpr (std::is_same_v<T, Question>) {
          m.ask(Insight{.broker = broker_, .flow = flow_, .shutdown = shutdown_});
        } else {
          static_assert(std::is_same_v<T, ListenerDown>);
          listener_down_ = true;
        }
      },
      mail);
}

void Loop::Submit(core::Command command) {
  WARREN_CHECK(!stepping_);
  if (shutdown_.failed()) return;
  stepping_ = true;
  broker_.Step(NowMs(), std::move(command), effects_);
  for (core::Effect& effect : effects_) registry_.Dispatch(effect);
  effects_.clear();
  stepping_ = false;
  // At once, so that the next completion of this turn is held already.
  if (!flow_.held()) UpdateFlow();
}

void Loop::Close(core::PublisherId publisher) {
  if (registry_.Remove(publisher)) Submit(core::ClosePublisher{publisher});
}

void Loop::Close(core::ConsumerId consumer) {
  if (registry_.Remove(consumer)) Submit(core::CloseConsumer{consumer});
}

void Loop::UpdateFlow() {
  if (!flow_.Update(NowMs(), broker_.usage())) return;
  for (const auto& [number, session] : registry_.sessions()) session->OnFlowChanged();
}

std::optional<int64_t> Loop::LeaseEndMs() const {
  const auto until = journal_.OwnedUntil();
  if (!flow_.owned() || until == std::chrono::steady_clock::time_point::max()) return std::nullopt;
  const auto now = std::chrono::steady_clock::now();
  if (until <= now) return NowMs();  // also the min() of one that was lost
  return NowMs() + std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
}

void Loop::LookAtOwnership() {
  const bool owned = std::chrono::steady_clock::now() < journal_.OwnedUntil();
  if (owned == flow_.owned()) return;
  if (owned) {
    Log(LogLevel::kInfo, "the lease of the store is renewed");
  } else {
    Log(LogLevel::kWarning, "the lease of the store ran out; publishers are held");
  }
  flow_.SetOwned(owned);
  UpdateFlow();
}

void Loop::KickJournal() {
  if (!journal_idle_ || shutdown_.failed() || !broker_.HasPendingRecords()) return;
  journal_idle_ = false;
  writer_->Write(broker_.TakeBatch());
}

void Loop::KickPager() {
  if (!pager_idle_ || shutdown_.failed() || !broker_.HasPageWork()) return;
  WARREN_CHECK(pager_ != nullptr);
  pager_idle_ = false;
  pager_->Carry(broker_.TakePageWork());
}

void Loop::Advance(Listener& listener) {
  while (true) {
    const Shutdown::Facts facts{
        .unsettled_messages = broker_.usage().unsettled_messages,
        .consumers = registry_.consumers(),
        .journal_done = journal_idle_ && !broker_.HasPendingRecords(),
        .listener_down = listener_down_,
        .handlers = handlers_,
    };
    const auto phase = shutdown_.Advance(NowMs(), facts);
    if (!phase) return;
    Begin(*phase, listener);
  }
}

void Loop::Begin(Shutdown::Phase phase, Listener& listener) {
  switch (phase) {
    case Shutdown::Phase::kServing:
      break;
    case Shutdown::Phase::kDraining:
      Log(LogLevel::kInfo, "draining",
          {{"consumers", std::to_string(registry_.consumers())},
           {"unsettled", std::to_string(broker_.usage().unsettled_messages)}});
      listener.OnDraining();
      flow_.SetShuttingDown();
      UpdateFlow();
      Submit(core::BeginShutdown{});
      break;
    case Shutdown::Phase::kFlushing:
      Submit(core::FinishShutdown{});
      KickJournal();
      break;
    case Shutdown::Phase::kEnding:
      listener.OnDraining();
      for (const auto& [number, session] : registry_.sessions()) {
        session->OnStop(shutdown_.ended());
      }
      listener_thread_ = std::thread([this, &listener] {
        listener.ShutDown();
        inbox_.Post(ListenerDown{});
      });
      break;
    case Shutdown::Phase::kOver:
      break;
  }
}

void Loop::EndQueue() {
  // Handlers have gone, so what is left is at most a wake-up.
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) Completion::FromTag(tag)->Complete(ok);
}

}  // namespace warren::runtime
