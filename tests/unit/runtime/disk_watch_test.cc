#include "server/runtime/disk_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <variant>
#include <vector>

#include "tests/contract/temporary_directory.h"

namespace warren::runtime {
namespace {

TEST(DiskWatch, ADiskBelowTheLimitIsToldOfAtOnce) {
  const storage::TemporaryDirectory folder;
  std::vector<Mail> mail;
  const DiskWatch watch({.folders = {folder.path()},
                         .free_limit_bytes = std::numeric_limits<uint64_t>::max() / 2},
                        [&](Mail what) { mail.push_back(std::move(what)); });
  ASSERT_EQ(mail.size(), 1u);
  const std::string& reason = std::get<DiskLow>(mail[0]).reason;
  EXPECT_NE(reason.find(folder.path()), std::string::npos) << reason;
  EXPECT_NE(reason.find("--disk-free-limit"), std::string::npos) << reason;
}

TEST(DiskWatch, NothingIsToldWhileThereIsRoom) {
  const storage::TemporaryDirectory folder;
  int told = 0;
  { const DiskWatch watch({.folders = {folder.path()}, .free_limit_bytes = 1}, [&](Mail) { ++told; }); }
  { const DiskWatch off({.folders = {folder.path()}}, [&](Mail) { ++told; }); }
  {
    const DiskWatch absent({.folders = {folder.path() + "/absent"},
                            .free_limit_bytes = std::numeric_limits<uint64_t>::max() / 2},
                           [&](Mail) { ++told; });
  }
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace warren::runtime
