// Goal: no sequence of commands, crashes and restarts makes the broker fail a check or a sanitizer.
// Method: commands are built from the input and stepped, with time, a journal that is late, a spill
// that is sometimes full, and crashes in between; what must hold between steps is checked after
// each. What is delivered, and whether it is right, is the simulator's to see (tests/sim).
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <utility>

#include "server/base/check.h"
#include "server/core/broker.h"
#include "storage/live_state.h"
#include "tests/fuzz/core/command_maker.h"
#include "tests/fuzz/core/pages.h"

namespace warren::core {
namespace {

constexpr int kStepsMax = 200;

class World {
 public:
  explicit World(fuzz::Input& input) : in_(input), maker_(input), paging_(input.Coin()) {
    Restart();
  }

  void Run() {
    for (Command& command : maker_.Prologue()) Step(std::move(command));
    for (int i = 0; i < kStepsMax && !in_.empty(); ++i) {
      const uint64_t dice = in_.Below(32);
      if (dice < 20) {
        Step(maker_.Next());
      } else if (dice < 24) {
        PassTime();
      } else if (dice < 28) {
        MakeDurable();
      } else if (dice < 30) {
        MovePages();
      } else if (dice == 30) {
        Restart();
      } else if (in_.OneIn(4)) {
        Step(in_.Coin() ? Command(BeginShutdown{}) : Command(FinishShutdown{}));
      }
    }
    ComeToRest();
    Restart();
  }

 private:
  void Step(Command command) {
    Effects effects;
    broker_->Step(now_ms_, std::move(command), effects);
    broker_->CheckInvariants();
  }

  void PassTime() {
    const std::optional<int64_t> deadline = broker_->NextDeadline();
    now_ms_ = deadline && in_.Coin() ? std::max(now_ms_, *deadline) : now_ms_ + maker_.Ms();
    Step(Tick{});
  }

  void MakeDurable() {
    if (broker_->HasPendingRecords()) in_flight_.push_back(broker_->TakeBatch());
    if (in_flight_.empty() || in_.OneIn(3)) return;
    journal_.Apply(in_flight_.front());
    const storage::Lsn lsn = in_flight_.front().lsn;
    in_flight_.pop_front();
    Step(Durable{lsn});
  }

  void MovePages() {
    if (!broker_->HasPageWork()) return;
    Step(pages_.Move(broker_->TakePageWork(), in_));
  }

  // A crash: what isn't durable is lost.
  void Restart() {
    in_flight_.clear();
    pages_.Forget();
    broker_ = std::make_unique<Broker>(BrokerOptions{
        .seed = 1, .page_out_above_bytes = paging_ ? 500u : 0u, .page_window_messages = 2});
    const absl::Status restored = journal_.Emit([this](storage::Record record) {
      return broker_->Restore(std::move(record), now_ms_);
    });
    if (!restored.ok()) std::fprintf(stderr, "%s\n", restored.ToString().c_str());
    WARREN_CHECK(restored.ok());
    broker_->FinishRecovery(now_ms_);
    broker_->CheckInvariants();
  }

  void ComeToRest() {
    while (broker_->HasPendingRecords() || !in_flight_.empty() || broker_->HasPageWork()) {
      MakeDurable();
      MovePages();
    }
  }

  fuzz::Input& in_;
  CommandMaker maker_;
  const bool paging_;
  int64_t now_ms_ = 1'000'000;
  std::unique_ptr<Broker> broker_;
  storage::LiveState journal_;
  std::deque<storage::Batch> in_flight_;
  Pages pages_;
};

}  // namespace
}  // namespace warren::core

void warren::fuzz::TestOne(Input& input) { core::World(input).Run(); }
