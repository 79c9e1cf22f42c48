#include "server/runtime/pager.h"

#include <optional>
#include <string>
#include <utility>

#include "server/runtime/log.h"

namespace warren::runtime {

absl::StatusOr<core::Paged> MovePages(storage::Spill& spill, core::PageWork work) {
  core::Paged moved;
  moved.out.reserve(work.out.size());
  moved.in.reserve(work.in.size());
  bool full = false;
  for (const core::PageOut& out : work.out) {
    core::PagedOut& left = moved.out.emplace_back(core::PagedOut{out.id, {}});
    if (full) continue;  // the broker tries again after a while
    absl::StatusOr<storage::SpillHandle> page = spill.Write(*out.content);
    if (page.ok()) {
      left.page = *page;
    } else {
      full = absl::IsUnavailable(page.status());
      Log(LogLevel::kWarning, "a message stays in memory",
          {{"reason", std::string(page.status().message())}});
    }
  }
  for (const core::PageIn& in : work.in) {
    absl::StatusOr<storage::MessagePtr> content = spill.Read(in.page);
    if (!content.ok()) return content.status();
    spill.Drop(in.page);
    moved.in.push_back({in.id, *std::move(content)});
  }
  for (const storage::SpillHandle page : work.dropped) spill.Drop(page);
  return moved;
}

Pager::Pager(storage::Spill& spill, Done done)
    : spill_(spill), done_(std::move(done)), thread_([this] { Run(); }) {}

Pager::~Pager() {
  slot_.Close();
  thread_.join();
}

void Pager::Carry(core::PageWork work) { slot_.Put(std::move(work)); }

void Pager::Run() {
  while (std::optional<core::PageWork> work = slot_.Take()) {
    absl::StatusOr<core::Paged> moved = MovePages(spill_, *std::move(work));
    const bool ok = moved.ok();
    done_(std::move(moved));
    if (!ok) return;
  }
}

}  // namespace warren::runtime
