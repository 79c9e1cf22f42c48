// Does what the segments' bookkeeping proposes, one short transaction at a time.
//
// Place in the life of a message: after its batch, on the journal's thread. None of it waits long
// for a lock, so somebody who reads the tables for hours delays tidying, and never the broker.
//
// Thread safety: thread-compatible.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/postgres/message_row.h"
#include "storage/postgres/segment_reader.h"
#include "storage/postgres/segments.h"
#include "storage/postgres/session.h"

namespace warren::storage {

class Tidier {
 public:
  Tidier(Session& session, Segments& segments, std::chrono::milliseconds lock_wait);

  // One attempt. What an error means for the outcome is as of Session::Commit.
  absl::Status Run(const TidyTask& task);
  // What Run did is durable: `segments` hear about it.
  void Committed();

 private:
  absl::Status On(const MakeSegment& task);
  absl::Status On(const DropSegment& task);
  absl::Status On(const MoveMessages& task);
  absl::Status Commit(const std::string& sql, std::string_view doing);
  // Writes moved_ to their new place, and says so in the old one.
  absl::Status WriteRows(const MoveMessages& task);

  Session& session_;
  Segments& segments_;
  const std::string limits_;  // SQL that each transaction begins with
  MessageRowWriter rows_;
  TidyTask task_;
  std::vector<LiveMessage> moved_;  // by the task
};

}  // namespace warren::storage
