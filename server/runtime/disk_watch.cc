#include "server/runtime/disk_watch.h"

#include <sys/statvfs.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runtime/log.h"
#include "storage/wait.h"

namespace warren::runtime {

uint64_t DiskFreeBytes(const std::string& folder) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) return std::numeric_limits<uint64_t>::max();
  return uint64_t{disk.f_bavail} * disk.f_frsize;
}

DiskWatch::DiskWatch(DiskWatchOptions options, std::function<void(Mail)> post)
    : options_(std::move(options)), post_(std::move(post)) {
  if (options_.free_limit_bytes == 0) return;
  Look();
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

void DiskWatch::Run(std::stop_token stop) {
  while (storage::WaitUnlessStopped(stop, options_.look_every)) Look();
}

void DiskWatch::Look() {
  const uint64_t limit = options_.free_limit_bytes;
  const uint64_t wanted = low_ ? limit + limit / 8 : limit;
  for (const std::string& folder : options_.folders) {
    const uint64_t free = DiskFreeBytes(folder);
    if (free >= wanted) continue;
    if (low_) return;
    low_ = true;
    std::string reason =
        absl::StrCat("the disk of ", folder, " has ", free, " bytes left, less than the limit of ",
                     limit, "; make room there, or lower --disk-free-limit");
    Log(LogLevel::kWarning, "a disk is nearly full; publishers are held", {{"reason", reason}});
    return post_(DiskLow{std::move(reason)});
  }
  if (!std::exchange(low_, false)) return;
  Log(LogLevel::kInfo, "there is room on the disks again");
  post_(DiskRoom{});
}

}  // namespace warren::runtime
