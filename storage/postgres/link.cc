#include "storage/postgres/link.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/postgres/connect.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/trouble.h"

namespace warren::storage {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How often a wait looks at the stop token. It only matters to a database that hangs.
constexpr milliseconds kLook{250};

// Whatever the role or the database has set: a commit must be on disk, statements of the broker
// wait for no lock for long, rows come in the order they were written in, and literals are what
// they look like.
constexpr char kSetUp[] =
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local');"
    "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;"
    "SET synchronize_seqscans = off; SET lock_timeout = '5s'; SET statement_timeout = 0;"
    "SET default_transaction_isolation = 'read committed';"
    "SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning;"
    "SET search_path = pg_catalog; SET row_security = off; SET jit = off;"
    // A backend whose client has gone without a word keeps its locks until it notices.
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;"
    "SET tcp_user_timeout = '10s'";

// How many the server keeps for us. Those about a segment's tables come and go with it.
constexpr size_t kMostPrepared = 32;
constexpr int kBinary = 1;

int Timeout(Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, kLook.count()));
}

}  // namespace

Link::Link(const LinkOptions& options, std::string where)
    : options_(options), where_(std::move(where)) {}

absl::StatusOr<std::unique_ptr<Link>> Link::Connect(const LinkOptions& options) {
  absl::StatusOr<std::string> text = ConnectionString(options.access, options.application_name);
  if (!text.ok()) return text.status();
  auto link = std::unique_ptr<Link>(new Link(options, Redacted(options.access.url)));
  absl::Status status = link->Open(*text);
  if (status.ok()) status = link->SetUp();
  if (!status.ok()) return status;
  return link;
}

absl::Status Link::Open(const std::string& parameters) {
  // Blocks, no longer than connect_timeout for each host, which PQconnectPoll would not heed.
  connection_.reset(PQconnectdb(parameters.c_str()));
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    return WhyNot(where_, parameters, PQerrorMessage(connection_.get()));
  }
  // libpq would print them among the broker's log lines.
  PQsetNoticeReceiver(connection_.get(), [](void*, const PGresult*) {}, nullptr);
  PQsetnonblocking(connection_.get(), 1);
  return absl::OkStatus();
}

absl::Status Link::SetUp() { return Run(kSetUp, "set the session up"); }

bool Link::Wait(bool for_writing) {
  const auto start = Clock::now();
  bool overdue = false;
  while (true) {
    const auto until = start + options_.patience;
    pollfd socket{.fd = PQsocket(connection_.get()),
                  .events = static_cast<short>(for_writing ? POLLIN | POLLOUT : POLLIN)};
    if (socket.fd < 0) {
      Break("the connection is closed");
      return false;
    }
    const int timeout = overdue ? static_cast<int>(kLook.count()) : Timeout(until);
    if (poll(&socket, 1, timeout) > 0) return true;
    if (Clock::now() < until) continue;
    if (options_.stop.stop_requested()) {
      Break("stopped while waiting for an answer");
      return false;
    }
    if (!overdue && options_.on_overdue) {
      options_.on_overdue(absl::StrCat(where_, ": no answer for ", options_.patience.count(),
                                       " ms while trying to ", doing_, "; still waiting"));
    }
    overdue = true;
  }
}

void Link::Break(std::string_view reason) {
  broken_ = true;
  in_copy_ = false;
  if (failure_.ok()) failure_ = SqlTrouble(where_, doing_, "", reason);
}

bool Link::Flush() {
  while (is_open()) {
    const int flushed = PQflush(connection_.get());
    if (flushed == 0) return true;
    if (flushed < 0) break;
    if (!Wait(/*for_writing=*/true)) return false;
    // The server may be blocked by what it wants to say.
    if (PQconsumeInput(connection_.get()) == 0) break;
  }
  // What it said last is the better reason, for instance that it shuts down: Next may find it.
  return false;
}

void Link::Send(const std::string& sql, std::string_view doing) {
  doing_ = std::string(doing);
  failure_ = absl::OkStatus();
  in_copy_ = false;
  if (!is_open()) return Break("the connection is closed");
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    return Break(PQerrorMessage(connection_.get()));
  }
  Flush();
}

Link::Result Link::Next() {
  if (broken_) return nullptr;
  while (PQisBusy(connection_.get()) != 0) {
    if (!Wait(/*for_writing=*/false)) return nullptr;
    // A failure shows in the result.
    if (PQconsumeInput(connection_.get()) == 0) break;
  }
  return Result(PQgetResult(connection_.get()));
}

void Link::Note(const Result& result) {
  if (!failure_.ok()) return;
  const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  const char* const primary = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
  const char* const detail = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_DETAIL);
  std::string message = primary != nullptr ? primary : PQresultErrorMessage(result.get());
  const char* const hint = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_HINT);
  if (detail != nullptr) absl::StrAppend(&message, " (", detail, ")");
  if (hint != nullptr) absl::StrAppend(&message, " (", hint, ")");
  failure_ = SqlTrouble(where_, doing_, state != nullptr ? state : "", message);
}

absl::Status Link::Settle() {
  while (const Result result = Next()) {
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
        break;
      case PGRES_COPY_IN:
        // Reached after a failure, or by a script that has more of them than was said.
        PQputCopyEnd(connection_.get(), "given up");
        Flush();
        break;
      case PGRES_COPY_OUT:
        Break("an unexpected COPY");
        break;
      default:
        Note(result);
    }
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) Break(PQerrorMessage(connection_.get()));
  const bool in_transaction = !broken_ && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
  if (in_transaction) {
    const absl::Status failure = std::exchange(failure_, absl::OkStatus());
    const std::string doing = std::exchange(doing_, "roll back");
    if (PQsendQuery(connection_.get(), "ROLLBACK") == 0) {
      Break(PQerrorMessage(connection_.get()));
    } else {
      Flush();
      while (const Result result = Next()) {
        if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) Break("it didn't roll back");
      }
    }
    doing_ = doing;
    failure_ = failure.ok() ? absl::InternalError(absl::StrCat(
                                  where_, ": can't ", doing_, ": the transaction was left open"))
                            : failure;
  }
  return failure_;
}

absl::Status Link::Run(const std::string& sql, std::string_view doing) {
  Send(sql, doing);
  return Settle();
}

absl::StatusOr<Link::Rows> Link::Query(const std::string& sql, std::string_view doing) {
  Send(sql, doing);
  Rows rows;
  while (const Result result = Next()) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      Note(result);
      break;
    }
    rows.assign(static_cast<size_t>(PQntuples(result.get())), {});
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      for (int field = 0; field < PQnfields(result.get()); ++field) {
        rows[static_cast<size_t>(row)].emplace_back(
            PQgetvalue(result.get(), row, field),
            static_cast<size_t>(PQgetlength(result.get(), row, field)));
      }
    }
  }
  if (absl::Status status = Settle(); !status.ok()) return status;
  return rows;
}

absl::Status Link::CopyOut(const std::string& sql, std::string_view doing,
                           const std::function<absl::Status(std::string_view)>& take) {
  struct Freer {
    void operator()(char* memory) const { PQfreemem(memory); }
  };
  Send(sql, doing);
  // Results of the statements before the COPY.
  Result begun = Next();
  while (begun && PQresultStatus(begun.get()) == PGRES_COMMAND_OK) begun = Next();
  const bool copies = begun && PQresultStatus(begun.get()) == PGRES_COPY_OUT;
  if (begun && !copies) Note(begun);
  while (copies && !broken_) {
    char* data = nullptr;
    const int size = PQgetCopyData(connection_.get(), &data, /*async=*/1);
    const std::unique_ptr<char, Freer> owned(data);
    if (size < 0) break;  // the end, or an error that is the next result
    if (size == 0) {
      if (!Wait(/*for_writing=*/false)) break;
      if (PQconsumeInput(connection_.get()) == 0) Break(PQerrorMessage(connection_.get()));
      continue;
    }
    if (absl::Status taken = take({data, static_cast<size_t>(size)}); !taken.ok()) {
      // What is still to come isn't waited for.
      Break("no more was wanted");
      return taken;
    }
  }
  return Settle();
}

void Link::Begin(const std::string& sql, std::string_view doing) { Send(sql, doing); }

void Link::Put(std::string_view data) {
  // Results of the statements before the COPY.
  while (!in_copy_ && failure_.ok() && !broken_) {
    const Result result = Next();
    if (!result) return Break(PQerrorMessage(connection_.get()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN) {
      in_copy_ = true;
    } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      Note(result);
    }
  }
  if (!in_copy_) return;
  if (PQputCopyData(connection_.get(), data.data(), static_cast<int>(data.size())) != 1 ||
      !Flush()) {
    in_copy_ = false;  // why is what Finish finds
  }
}

void Link::EndCopy() {
  if (!in_copy_) return;
  in_copy_ = false;
  PQputCopyEnd(connection_.get(), nullptr);
  Flush();
}

absl::Status Link::Finish() {
  return PQpipelineStatus(connection_.get()) == PQ_PIPELINE_OFF ? Settle() : SettlePipeline();
}

bool Link::Sent(int sent) {
  if (sent == 0) Break(PQerrorMessage(connection_.get()));
  return sent != 0;
}

void Link::BeginPipeline(std::string_view doing) {
  doing_ = std::string(doing);
  failure_ = absl::OkStatus();
  in_copy_ = false;
  if (!is_open()) return Break("the connection is closed");
  if (!Sent(PQenterPipelineMode(connection_.get()))) return;
  if (prepared_all_ && prepared_.size() < kMostPrepared) return;
  prepared_.clear();
  Sent(PQsendQueryParams(connection_.get(), "DEALLOCATE ALL", 0, nullptr, nullptr, nullptr, nullptr,
                         kBinary));
}

void Link::Execute(const std::string& sql, int16_t fields, std::string_view row) {
  if (!failure_.ok()) return;
  const auto [known, is_new] = prepared_.try_emplace(sql, absl::StrCat("s", prepared_.size()));
  const char* const name = known->second.c_str();
  if (is_new && !Sent(PQsendPrepare(connection_.get(), name, sql.c_str(), 0, nullptr))) return;
  values_.clear();
  lengths_.clear();
  CopyReader in(row);
  in.Row(fields);
  for (int16_t i = 0; i < fields; ++i) {
    const std::optional<std::string_view> field = in.Bytes();
    values_.push_back(field ? field->data() : nullptr);
    lengths_.push_back(field ? static_cast<int>(field->size()) : 0);
  }
  formats_.assign(values_.size(), kBinary);
  Sent(PQsendQueryPrepared(connection_.get(), name, fields, values_.data(), lengths_.data(),
                           formats_.data(), kBinary));
}

absl::Status Link::SettlePipeline() {
  if (!broken_ && Sent(PQpipelineSync(connection_.get()))) Flush();
  bool over = false;
  while (!over && !broken_) {
    const Result result = Next();
    if (!result) {  // the end of one statement, or of the connection
      over = !is_open();
      continue;
    }
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
      case PGRES_PIPELINE_ABORTED:
        break;
      case PGRES_PIPELINE_SYNC:  // the transaction is committed, or rolled back
        over = true;
        break;
      default:
        Note(result);
    }
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) Break(PQerrorMessage(connection_.get()));
  if (!broken_ && PQexitPipelineMode(connection_.get()) == 0) {
    Break(PQerrorMessage(connection_.get()));
  }
  // What came after the failure wasn't prepared.
  prepared_all_ = failure_.ok();
  return failure_;
}

void Link::Abandon() {
  if (in_copy_ && is_open()) {
    PQputCopyEnd(connection_.get(), "given up");
    Flush();
  }
  in_copy_ = false;
  Settle().IgnoreError();
}

}  // namespace warren::storage
