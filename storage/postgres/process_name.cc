#include "storage/postgres/process_name.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace warren::storage {
namespace {

enum Part { kHost, kBoot, kNamespace, kProcess, kStart, kParts };

std::string HostName() {
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) != 0) return "unknown";
  std::string host(name);
  std::replace_if(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) == 0 && c != '.' && c != '-';
  }, '-');
  return host;
}

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

// Of process numbers, which mean nothing outside of it.
std::string ProcessNamespace() {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 ? absl::StrCat(status.st_ino) : "";
}

// State and start time (in ticks since the boot) of a process; "" if they can't be read.
struct Life {
  std::string state;
  std::string start;
};

Life LifeOf(std::string_view process) {
  std::ifstream file(absl::StrCat("/proc/", absl::string_view(process.data(), process.size()),
                                  "/stat"));
  std::string line;
  std::getline(file, line);
  // The name in parentheses may hold anything; what comes after it doesn't hold parentheses.
  const size_t name_end = line.rfind(") ");
  if (name_end == std::string::npos) return {};
  const std::vector<std::string> fields = absl::StrSplit(line.substr(name_end + 2), ' ');
  constexpr size_t kStateField = 0;
  constexpr size_t kStartField = 19;  // the 22nd of the line, as in proc(5)
  if (fields.size() <= kStartField) return {};
  return {.state = fields[kStateField], .start = fields[kStartField]};
}

std::vector<std::string> Split(std::string_view process) {
  return absl::StrSplit(absl::string_view(process.data(), process.size()), '/');
}

}  // namespace

std::string ThisProcess() {
  const std::string process = absl::StrCat(getpid());
  return absl::StrCat(HostName(), "/", BootId(), "/", ProcessNamespace(), "/", process, "/",
                      LifeOf(process).start);
}

bool IsGone(std::string_view process) {
  const std::vector<std::string> parts = Split(process);
  if (parts.size() != kParts) return false;
  pid_t number = 0;
  const bool here = !parts[kBoot].empty() && parts[kBoot] == BootId() &&
                    !parts[kNamespace].empty() && parts[kNamespace] == ProcessNamespace() &&
                    absl::SimpleAtoi(parts[kProcess], &number) && number > 0 &&
                    !parts[kStart].empty();
  if (!here) return false;
  if (kill(number, 0) != 0 && errno == ESRCH) return true;
  const Life life = LifeOf(parts[kProcess]);
  // Unreadable: it may be hidden from us.
  if (life.start.empty()) return false;
  return life.start != parts[kStart] || life.state == "Z" || life.state == "X";
}

std::string ProcessForPeople(std::string_view process) {
  const std::vector<std::string> parts = Split(process);
  return parts.size() == kParts
             ? absl::StrCat("the broker on ", parts[kHost], ", process ", parts[kProcess])
             : std::string(process);
}

}  // namespace warren::storage
