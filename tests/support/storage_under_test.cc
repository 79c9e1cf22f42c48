#include "tests/support/storage_under_test.h"

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "tests/support/postgres_server.h"

namespace warren::testing {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Stop(const std::string& reason) {
  std::fprintf(stderr, "no store to test with: %s\n", reason.c_str());
  std::exit(EXIT_FAILURE);
}

std::string MakeFolder() {
  std::string folder = fs::temp_directory_path() / "warren-test-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) Stop("can't make " + folder);
  return folder;
}

}  // namespace

StorageUnderTest::StorageUnderTest() {
  const char* const chosen = std::getenv("WARREN_TEST_STORAGE");
  const std::string_view name = chosen != nullptr ? chosen : "memory";
  if (name == "memory") {
    url_ = "memory:";
  } else if (name == "rocksdb") {
    folder_ = MakeFolder();
    url_ = "rocksdb:" + folder_ + "/store";
  } else if (name == "postgres") {
    if (!PostgresServer::Installed()) Stop(PostgresServer::kNotInstalled);
    url_ = PostgresServer::Shared().CreateDatabase();
  } else {
    Stop("WARREN_TEST_STORAGE is none of memory, rocksdb, postgres");
  }
}

StorageUnderTest::~StorageUnderTest() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace warren::testing
