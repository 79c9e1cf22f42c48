// Looks after the room on the disks that the broker's own folders are on: below a limit publishers
// are held, before the store, or what pages messages out of memory, fails for want of it.
//
// Thread safety: made and ended by one thread; `post` is called on the watch's own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "server/runtime/mail.h"

namespace warren::runtime {

struct DiskWatchOptions {
  std::vector<std::string> folders;  // those that aren't there are passed over
  uint64_t free_limit_bytes = 0;     // 0: nothing is watched
  std::chrono::milliseconds look_every{500};
};

class DiskWatch {
 public:
  // `post` gets DiskLow when one disk has less room than the limit, and DiskRoom when all have
  // an eighth more than that again.
  DiskWatch(DiskWatchOptions options, std::function<void(Mail)> post);
  ~DiskWatch() = default;  // waits for the thread
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

 private:
  void Run(std::stop_token stop);
  void Look();

  const DiskWatchOptions options_;
  const std::function<void(Mail)> post_;
  bool low_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

// Room on the disk that a folder is on, in bytes; the most there is if that can't be told.
uint64_t DiskFreeBytes(const std::string& folder);

}  // namespace warren::runtime
