// A spill in memory, which is sometimes full: carries out a broker's page work. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "server/base/check.h"
#include "server/core/broker.h"
#include "tests/fuzz/support/input.h"

namespace warren::core {

class Pages {
 public:
  // What is to be reported to the broker. A page that is asked for or dropped must be there.
  Paged Move(PageWork work, fuzz::Input& in) {
    Paged moved;
    for (PageOut& out : work.out) {
      const storage::SpillHandle page{in.OneIn(8) ? 0 : ++last_};
      if (page) pages_.emplace(page, std::move(out.content));
      moved.out.push_back({out.id, page});
    }
    for (const PageIn& wanted : work.in) moved.in.push_back({wanted.id, Take(wanted.page)});
    for (const storage::SpillHandle page : work.dropped) Take(page);
    return moved;
  }

  // As after a crash.
  void Forget() { pages_.clear(); }

 private:
  storage::MessagePtr Take(storage::SpillHandle page) {
    const auto it = pages_.find(page);
    WARREN_CHECK(it != pages_.end());
    return std::move(pages_.extract(it).mapped());
  }

  std::map<storage::SpillHandle, storage::MessagePtr> pages_;
  uint64_t last_ = 0;
};

}  // namespace warren::core
