#include "server/metrics/process_families.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>

namespace warren::metrics {
namespace {

// From /proc/self/stat; proc(5) numbers its fields from 1.
struct ProcessStat {
  double cpu_ticks = 0;    // fields 14 and 15
  double threads = 0;      // 20
  double start_ticks = 0;  // 22, since the machine's start
  double memory_bytes = 0;     // 23
  double resident_pages = 0;   // 24
};

ProcessStat ReadStat() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field, a name in parentheses, may hold anything.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  ProcessStat stat;
  std::string field;
  for (int number = 3; fields >> field && number <= 24; ++number) {
    if (number == 3) continue;  // the state, a letter
    const double value = std::strtod(field.c_str(), nullptr);
    if (number == 14 || number == 15) stat.cpu_ticks += value;
    if (number == 20) stat.threads = value;
    if (number == 22) stat.start_ticks = value;
    if (number == 23) stat.memory_bytes = value;
    if (number == 24) stat.resident_pages = value;
  }
  return stat;
}

// When the machine started, in seconds since the epoch.
double BootTime() {
  std::ifstream file("/proc/stat");
  std::string name;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    if (fields >> name >> value && name == "btime") return value;
  }
  return 0;
}

double OpenFiles() {
  std::error_code error;
  double files = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    ++files;
  }
  return files > 0 ? files - 1 : 0;  // one is the walk's own
}

double MostFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(limit.rlim_cur);
}

uint64_t CountEstablished(const char* table, uint16_t port) {
  constexpr int kEstablished = 1;
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // the heading
  uint64_t count = 0;
  while (std::getline(file, line)) {
    // "  sl  local_address rem_address st …", addresses as HEX:PORT
    std::istringstream fields(line);
    std::string slot;
    std::string local;
    std::string remote;
    std::string state;
    if (!(fields >> slot >> local >> remote >> state)) continue;
    const size_t colon = local.rfind(':');
    if (colon == std::string::npos) continue;
    const bool ours = std::strtoul(local.c_str() + colon + 1, nullptr, 16) == port;
    if (ours && std::strtol(state.c_str(), nullptr, 16) == kEstablished) ++count;
  }
  return count;
}

}  // namespace

void AddProcessFamilies(Families& families) {
  const ProcessStat stat = ReadStat();
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  families.Counter("process_cpu_seconds_total", "CPU time, user and system.")
      .Add(stat.cpu_ticks / ticks_per_second);
  families.Gauge("process_resident_memory_bytes", "Resident memory.")
      .Add(stat.resident_pages * page_bytes);
  families.Gauge("process_virtual_memory_bytes", "Virtual memory.").Add(stat.memory_bytes);
  families.Gauge("process_threads", "Threads.").Add(stat.threads);
  families.Gauge("process_open_fds", "Open file descriptors.").Add(OpenFiles());
  families.Gauge("process_max_fds", "Most file descriptors that may be open.").Add(MostFiles());
  families.Gauge("process_start_time_seconds", "When the process started, in Unix time.")
      .Add(BootTime() + stat.start_ticks / ticks_per_second);
}

uint64_t CountConnections(uint16_t port) {
  return CountEstablished("/proc/net/tcp", port) + CountEstablished("/proc/net/tcp6", port);
}

}  // namespace warren::metrics
