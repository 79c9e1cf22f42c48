#include "server/runtime/recovery.h"

#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "server/base/check.h"
#include "server/runtime/clock.h"
#include "server/runtime/log.h"
#include "server/runtime/pager.h"

namespace warren::runtime {

absl::Status Recover(storage::Journal& journal, core::Broker& broker, storage::Spill* spill,
                     Stats& stats, const std::function<bool()>& cancelled) {
  constexpr auto kReportEvery = std::chrono::seconds(3);
  // How many records go by before the clock is looked at.
  constexpr uint64_t kLookEvery = 1024;
  // How many records, or bytes of bodies, go by before messages are moved out of memory.
  constexpr uint64_t kPageEvery = 256;
  constexpr uint64_t kPageEveryBytes = uint64_t{4} << 20;
  const auto start = std::chrono::steady_clock::now();
  auto reported = start;
  uint64_t records = 0;
  uint64_t messages = 0;
  const int64_t now_ms = NowMs();

  // More may be in the journal than there is memory for.
  uint64_t since_room = 0;
  uint64_t bytes_since_room = 0;
  const auto make_room = [&]() -> absl::Status {
    const bool soon = ++since_room < kPageEvery && bytes_since_room < kPageEveryBytes;
    if (soon || !broker.HasPageWork()) return absl::OkStatus();
    since_room = bytes_since_room = 0;
    WARREN_CHECK(spill != nullptr);
    absl::StatusOr<core::Paged> moved = MovePages(*spill, broker.TakePageWork());
    if (!moved.ok()) return moved.status();
    for (const core::PagedOut& out : moved->out) {
      if (out.page) continue;
      return absl::ResourceExhaustedError(
          "the store holds more than --memory-limit has room for, and --spill-dir takes no more "
          "(the warning before this says why); free space there, or raise --memory-limit");
    }
    core::Effects none;
    broker.Step(now_ms, *std::move(moved), none);
    return absl::OkStatus();
  };

  const absl::Status status = journal.Recover([&](storage::Record record) -> absl::Status {
    if (const auto* published = std::get_if<storage::MessagePublished>(&record)) {
      ++messages;
      if (published->message) bytes_since_room += published->message->body.size();
    }
    if (++records % kLookEvery == 0) {
      stats.recovered_messages.Set(messages);
      if (cancelled()) return absl::CancelledError("stopped while recovering");
      const auto now = std::chrono::steady_clock::now();
      if (now - reported >= kReportEvery) {
        reported = now;
        Log(LogLevel::kInfo, "recovering", {{"messages", std::to_string(messages)}});
      }
    }
    const absl::Status restored = broker.Restore(std::move(record), now_ms);
    return restored.ok() ? make_room() : restored;
  });
  if (!status.ok()) return status;
  broker.FinishRecovery(NowMs());
  stats.recovered_messages.Set(messages);

  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  stats.recovery_millis.Set(static_cast<uint64_t>(took.count()));
  Log(LogLevel::kInfo, "recovered",
      {{"messages", std::to_string(messages)},
       {"records", std::to_string(records)},
       {"milliseconds", std::to_string(took.count())}});
  return absl::OkStatus();
}

}  // namespace warren::runtime
