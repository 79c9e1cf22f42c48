// A directory of a test's own, gone with everything in it when the test is over.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace warren::storage {

class TemporaryDirectory {
 public:
  // In memory if this machine has room for files there, for tests that write much and keep little.
  enum class Where { kDisk, kMemory };
  explicit TemporaryDirectory(Where where = Where::kDisk)
      : path_((where == Where::kMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm/"
                                                                        : ::testing::TempDir()) +
              "warren-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "can't make " << path_;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace warren::storage
