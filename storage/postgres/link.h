// One connection to PostgreSQL through libpq: scripts of several statements, COPY in both
// directions, pipelines of prepared statements, and waits that can be ended.
//
// Place in the life of a message: step 6, below the batch writer, and recovery. libpq itself: the
// libpqxx of Debian 12 streams text only, drops the SQLSTATE of many errors, and waits without end.
//
// Thread safety: thread-compatible; the stop token may be asked to stop by any thread.
//
// Invariants:
// 1. Every failure is a Status of trouble.h. After one that leaves the connection usable there is
//    no transaction open; else is_open() is false, and the outcome of what was under way unknown.
// 2. No call waits for ever once it was asked to stop: without an answer within the patience it
//    gives up, and the connection.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/postgres/access.h"

namespace warren::storage {

struct LinkOptions {
  PostgresAccess access;
  std::string application_name = "warren";
  std::stop_token stop;
  // Without an answer for that long on_overdue is called, once for each wait.
  std::chrono::milliseconds patience{5'000};
  std::function<void(std::string_view reason)> on_overdue;
};

class Link {
 public:
  // The text of each field; "" for null.
  using Rows = std::vector<std::vector<std::string>>;

  // Connects and sets the session up for the broker's writes.
  static absl::StatusOr<std::unique_ptr<Link>> Connect(const LinkOptions& options);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Statements without COPY. `doing` is as in "can't <doing>", for errors.
  absl::Status Run(const std::string& sql, std::string_view doing);
  // The rows of the last statement.
  absl::StatusOr<Rows> Query(const std::string& sql, std::string_view doing);
  // COPY … TO STDOUT: `take` gets each message. An error of `take` ends it and is returned.
  absl::Status CopyOut(const std::string& sql, std::string_view doing,
                       const std::function<absl::Status(std::string_view)>& take);

  // A script with COPY … FROM STDIN in it, in steps: Begin; for each COPY in their order any number
  // of Puts and an EndCopy; Finish. The first failure of a statement is what Finish returns, and
  // Put and EndCopy then do nothing. OK from Finish means that the last statement succeeded.
  void Begin(const std::string& sql, std::string_view doing);
  void Put(std::string_view data);
  void EndCopy();
  absl::Status Finish();
  // Instead of going on with a script whose data can't be made: nothing of it takes effect.
  // REQUIRES: EndCopy hasn't been called for its last COPY.
  void Abandon();

  // Statements with parameters that are sent together and answered together, in one round trip. They
  // are one transaction, which is committed after the last of them. BeginPipeline; any number of
  // Executes; Finish, as above: OK means that it is committed.
  void BeginPipeline(std::string_view doing);
  // Prepares the statement if this connection hasn't yet. `row` has that many parameters as a row
  // of binary COPY has fields. REQUIRES: there are few different statements: all that tables and
  // numbers differ in is a parameter, or stays for long.
  void Execute(const std::string& sql, int16_t fields, std::string_view row);

  bool is_open() const { return PQstatus(connection_.get()) == CONNECTION_OK && !broken_; }
  const std::string& where() const { return where_; }
  // As server_version_num says it: 150002 is 15.2.
  int server_version() const { return PQserverVersion(connection_.get()); }

 private:
  struct Closer {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Result = std::unique_ptr<PGresult, Closer>;

  Link(const LinkOptions& options, std::string where);
  absl::Status Open(const std::string& parameters);
  absl::Status SetUp();

  void Send(const std::string& sql, std::string_view doing);
  // The next result of what was sent; null after the last one, or if the connection broke.
  Result Next();
  // Notes a failure; only the first counts.
  void Note(const Result& result);
  void Break(std::string_view reason);
  // Reads all results that are left, and ends a transaction that failed.
  absl::Status Settle();
  // Ends the pipeline, and reads all its results.
  absl::Status SettlePipeline();
  // For a statement that couldn't be sent.
  bool Sent(int sent);
  // Waits until the socket can be read (or written to, if asked); false if the connection is given
  // up.
  bool Wait(bool for_writing);
  bool Flush();

  const LinkOptions options_;
  const std::string where_;
  std::unique_ptr<PGconn, Closer> connection_;
  bool broken_ = false;
  // Of the script that is under way:
  std::string doing_;
  absl::Status failure_;
  bool in_copy_ = false;  // the server waits for data
  // Of pipelines: names of statements that are prepared at the server, by their text.
  std::unordered_map<std::string, std::string> prepared_;
  bool prepared_all_ = true;  // else one of them may be missing there
  std::vector<const char*> values_;  // scratch
  std::vector<int> lengths_;         // the same
  std::vector<int> formats_;         // the same
};

}  // namespace warren::storage
