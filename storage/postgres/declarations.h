// The rare records as SQL: virtual hosts, exchanges, queues, bindings, producers, deduplication
// windows, users, policies. All of a batch are folded first, so that each row is written once, and each kind of
// change is one statement, however many records there are.
//
// Place in the life of a message: step 6, part of a batch. The meaning of the records is that of
// storage/live_state.cc.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "storage/record.h"

namespace warren::storage {

class Declarations {
 public:
  // Adds a record of the batch; false if it is about a message, and so isn't for this.
  // REQUIRES: the record outlives this.
  bool Add(const Record& record);

  // The statements, each ended by a semicolon; "" if there is nothing to do.
  // INVALID_ARGUMENT if a record can't be stored.
  absl::StatusOr<std::string> Sql() const;

 private:
  struct Visitor;
  // The last record about a row; null if the row is to be deleted.
  template <typename Key>
  using Rows = std::map<Key, const Record*>;
  using Window = std::pair<uint64_t, uint64_t>;  // exchange and queue, one of them 0

  void DropWindow(ExchangeId exchange, QueueId queue);
  void WriteVirtualHosts(std::string& sql) const;
  absl::Status WriteUsers(std::string& sql) const;
  absl::Status WritePolicies(std::string& sql) const;
  void WriteServing(std::string& sql) const;
  void WriteProducers(std::string& sql) const;
  void WriteWindows(std::string& sql) const;

  const IdsReserved* ids_ = nullptr;
  Rows<std::string> virtual_hosts_;
  Rows<uint64_t> exchanges_;
  Rows<uint64_t> queues_;
  Rows<uint64_t> bindings_;
  Rows<uint64_t> serving_;
  Rows<std::pair<std::string, std::string>> producers_;
  std::set<Window> dropped_windows_;
  Rows<std::pair<Window, std::string>> seen_;
  Rows<std::string> users_;
  Rows<std::pair<std::string, std::string>> policies_;
};

}  // namespace warren::storage
