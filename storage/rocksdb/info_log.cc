#include "storage/rocksdb/info_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>

namespace warren::storage {

InfoLog::InfoLog(const std::string& directory) : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {
  const std::string path = directory + "/LOG";
  struct stat found;
  if (stat(path.c_str(), &found) == 0) {
    bytes_ = static_cast<size_t>(found.st_size);
    if (bytes_ >= kMostBytes && rename(path.c_str(), (path + ".old").c_str()) == 0) bytes_ = 0;
  }
  file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

InfoLog::~InfoLog() {
  if (file_ >= 0) close(file_);
}

void InfoLog::Logv(const char* format, va_list arguments) {
  std::array<char, 1024> line;
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  size_t size = std::strftime(line.data(), line.size(), "%Y-%m-%dT%H:%M:%SZ ", &utc);
  const int added = std::vsnprintf(line.data() + size, line.size() - size - 1, format, arguments);
  if (added < 0) return;
  size = std::min(size + static_cast<size_t>(added), line.size() - 2);
  if (line[size - 1] != '\n') line[size++] = '\n';

  const MutexLock lock(mutex_);
  if (file_ < 0 || bytes_ + size > kMostBytes) return;
  const ssize_t written = write(file_, line.data(), size);
  if (written > 0) bytes_ += static_cast<size_t>(written);
}

}  // namespace warren::storage
