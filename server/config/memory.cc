#include "server/config/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace warren::config {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// The number in `path`; no limit if there is none, as in a file that says "max".
uint64_t LimitIn(const std::string& path) {
  std::ifstream file(path);
  uint64_t limit = 0;
  return file >> limit ? limit : kNoLimit;
}

// The limits of this process's group and of all groups above it (control groups, version 2).
uint64_t ControlGroupLimit() {
  const std::string root = "/sys/fs/cgroup";
  uint64_t limit = std::min(LimitIn(root + "/memory.max"),
                            LimitIn(root + "/memory/memory.limit_in_bytes"));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) != 0) continue;
    for (std::string group = line.substr(3); group.size() > 1;
         group.erase(group.rfind('/'))) {
      limit = std::min(limit, LimitIn(root + group + "/memory.max"));
    }
  }
  return limit;
}

}  // namespace

uint64_t AvailableMemory() {
  const uint64_t machine = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                           static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(machine, ControlGroupLimit());
}

}  // namespace warren::config
