// Failures of a broker's SQL, where a test says: stands between this program's calls of libpq and
// the library, for connections whose application_name begins with "warren".
//
// The points that can fail come in their order: each statement of each script, each piece of data
// of a COPY, each end of a COPY, each execution of a prepared statement, and each end of a pipeline,
// which commits. A failure is the real server's wherever it can be: a statement
// that raises the error is put in front, so the transaction really ends there.
//
// The test binary defines PQsendQuery and so on, and the dynamic linker takes those first, for
// libpqxx, too. Nothing in the product knows of it.
//
// Thread safety: thread-safe. One at a time in a process.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warren::testing {

enum class SqlFault {
  kRaise,          // the statement fails with a SQLSTATE; of a COPY's data or end, with 57014
  kRaiseAtCommit,  // the transaction does, when it is to be committed
  kEnd,            // the server ends the session there (57P01)
  kCut,            // the connection is cut before it is sent
  kCutAfter,       // it is cut after that: nobody hears of the outcome
};
const char* NameOf(SqlFault fault);

// Cut at semicolons outside of literals, dollar quotes and comments.
std::vector<std::string> StatementsOf(std::string_view script);

class FaultyStatements {
 public:
  FaultyStatements();
  ~FaultyStatements();
  FaultyStatements(const FaultyStatements&) = delete;
  FaultyStatements& operator=(const FaultyStatements&) = delete;

  // SQL that kRaiseAtCommit needs in the database, once.
  static const char* Preparation();

  // The n-th point from now on, from 1, fails; once.
  void Arm(uint64_t nth, SqlFault fault, const std::string& state = "");
  void Disarm();
  // Points so far.
  uint64_t points() const;
  // What has failed: "" or the beginning of the statement.
  std::string met() const;

  // The next script that contains `text` isn't sent; its connection is cut.
  void Withhold(const std::string& text);
  // "" as long as there was none.
  std::string withheld() const;
  // Called before the next script that contains `text` is sent.
  void BeforeNext(const std::string& text, std::function<void()> action);

  // What the calls of libpq ask; of no use to tests.
  struct Plan {
    std::string script;
    bool cut_before = false;
    bool cut_after = false;
    std::function<void()> before;
  };
  Plan OnScript(const char* script);
  // Of a piece of a COPY's data, or its end: whether it is to be cut before or after, or failed.
  struct CopyPlan {
    bool fail = false;
    bool cut_before = false;
    bool cut_after = false;
  };
  CopyPlan OnCopy(const char* what);
  // A statement is prepared under a name that is one connection's.
  void OnPrepare(const PGconn* connection, const std::string& name, const std::string& sql);
  // Of an execution, or the end of a pipeline ("" for the name): the script is what is to be done
  // before it, "" if nothing is.
  Plan OnPipeline(const PGconn* connection, const std::string& name);

 private:
  bool IsNext(const std::string& what);
  // Does what the armed fault wants.
  void Meet(Plan& plan);

  mutable std::mutex mutex_;
  uint64_t points_ = 0;
  uint64_t until_ = 0;  // points before the armed one; 0: not armed
  SqlFault fault_ = SqlFault::kRaise;
  std::string state_;
  std::string met_;
  std::string withhold_;
  std::string withheld_;
  std::string before_text_;
  std::function<void()> before_;
  std::map<std::pair<const PGconn*, std::string>, std::string> prepared_;
};

}  // namespace warren::testing
