// Where RocksDB writes what it has to say: the file LOG in the store's directory, warnings and
// errors alone, for people.
//
// RocksDB's own logger takes a second message after a failed one for a programmer's mistake, and
// ends the process by an assertion: a full disk would. This one drops what it can't write.
//
// Thread safety: thread-safe.
#pragma once

#include <rocksdb/env.h>

#include <cstdarg>
#include <memory>
#include <string>

#include "sync/mutex.h"

namespace warren::storage {

class InfoLog : public rocksdb::Logger {
 public:
  // What a former process logged becomes LOG.old once it is many bytes.
  explicit InfoLog(const std::string& directory);
  ~InfoLog() override;
  InfoLog(const InfoLog&) = delete;
  InfoLog& operator=(const InfoLog&) = delete;

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override;

 private:
  static constexpr size_t kMostBytes = size_t{16} << 20;

  Mutex mutex_;
  int file_ WARREN_GUARDED_BY(mutex_) = -1;     // -1: nothing is written
  size_t bytes_ WARREN_GUARDED_BY(mutex_) = 0;  // what it holds
};

}  // namespace warren::storage
