// The store that the broker under test stands on: $WARREN_TEST_STORAGE, which is memory (also if it
// isn't set), rocksdb or postgres. CTest runs the tests that use this once with each of them.
#pragma once

#include <string>

namespace warren::testing {

// Thread-compatible. Empty when made; gone with its object.
class StorageUnderTest {
 public:
  // With PostgreSQL: a database of its own on one server for the whole process.
  // Ends the test program if the store's name is unknown or it can't be made.
  StorageUnderTest();
  ~StorageUnderTest();
  StorageUnderTest(const StorageUnderTest&) = delete;
  StorageUnderTest& operator=(const StorageUnderTest&) = delete;

  // As --storage takes it.
  const std::string& url() const { return url_; }
  // Whether it survives the broker.
  bool durable() const { return url_ != "memory:"; }

 private:
  std::string folder_;  // "": there is none
  std::string url_;
};

}  // namespace warren::testing
