#include "tests/support/faulty_statements.h"

#include <dlfcn.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace warren::testing {
namespace {

std::atomic<FaultyStatements*> g_faults = nullptr;

template <typename F>
F* Real(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

// Null if the connection is somebody else's.
FaultyStatements* FaultsOf(PGconn* connection) {
  FaultyStatements* const faults = g_faults.load();
  if (faults == nullptr) return nullptr;
  const char* const name = PQparameterStatus(connection, "application_name");
  return name != nullptr && std::string_view(name).starts_with("warren") ? faults : nullptr;
}

// As a cable that is cut does.
void Cut(PGconn* connection) { shutdown(PQsocket(connection), SHUT_RDWR); }

// All that was given to libpq is on its way.
void FlushAll(PGconn* connection) {
  while (PQflush(connection) == 1) {
    pollfd socket{.fd = PQsocket(connection), .events = POLLIN | POLLOUT};
    poll(&socket, 1, 1'000);
    if ((socket.revents & POLLIN) != 0 && PQconsumeInput(connection) == 0) return;
  }
}

std::string Raise(const std::string& state) {
  return "DO $injected$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '" + state +
         "'; END $injected$;";
}

}  // namespace

const char* NameOf(SqlFault fault) {
  switch (fault) {
    case SqlFault::kRaise: return "error";
    case SqlFault::kRaiseAtCommit: return "error at commit";
    case SqlFault::kEnd: return "session ended";
    case SqlFault::kCut: return "cut before";
    case SqlFault::kCutAfter: return "cut after";
  }
  return "?";
}

std::vector<std::string> StatementsOf(std::string_view script) {
  std::vector<std::string> statements;
  size_t begin = 0;
  for (size_t i = 0; i < script.size(); ++i) {
    if (script[i] == '\'') {
      i = script.find('\'', i + 1);
    } else if (script.substr(i, 2) == "--") {
      i = script.find('\n', i);
    } else if (script[i] == '$') {
      const size_t end = script.find('$', i + 1);
      if (end == std::string_view::npos) break;
      const std::string_view quote = script.substr(i, end + 1 - i);
      i = script.find(quote, end + 1);
      if (i != std::string_view::npos) i += quote.size() - 1;
    } else if (script[i] == ';') {
      statements.emplace_back(script.substr(begin, i + 1 - begin));
      begin = i + 1;
    }
    if (i == std::string_view::npos) break;
  }
  const std::string_view rest = script.substr(begin);
  for (const char c : rest) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      statements.emplace_back(rest);
      break;
    }
  }
  return statements;
}

FaultyStatements::FaultyStatements() {
  FaultyStatements* none = nullptr;
  if (!g_faults.compare_exchange_strong(none, this)) {
    std::fprintf(stderr, "there can be but one FaultyStatements at a time\n");
    std::abort();
  }
}

FaultyStatements::~FaultyStatements() { g_faults = nullptr; }

const char* FaultyStatements::Preparation() {
  return "CREATE TABLE public.fails_at_commit (state text);"
         "CREATE FUNCTION public.fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
         "RAISE EXCEPTION 'injected' USING ERRCODE = NEW.state; END $$;"
         "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON public.fails_at_commit "
         "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.fail_at_commit()";
}

void FaultyStatements::Arm(uint64_t nth, SqlFault fault, const std::string& state) {
  const std::lock_guard lock(mutex_);
  until_ = nth;
  fault_ = fault;
  state_ = state;
  met_.clear();
}

void FaultyStatements::Disarm() {
  const std::lock_guard lock(mutex_);
  until_ = 0;
}

uint64_t FaultyStatements::points() const {
  const std::lock_guard lock(mutex_);
  return points_;
}

std::string FaultyStatements::met() const {
  const std::lock_guard lock(mutex_);
  return met_;
}

void FaultyStatements::Withhold(const std::string& text) {
  const std::lock_guard lock(mutex_);
  withhold_ = text;
}

std::string FaultyStatements::withheld() const {
  const std::lock_guard lock(mutex_);
  return withheld_;
}

void FaultyStatements::BeforeNext(const std::string& text, std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  before_text_ = text;
  before_ = std::move(action);
}

bool FaultyStatements::IsNext(const std::string& what) {
  ++points_;
  if (until_ == 0 || --until_ > 0) return false;
  met_ = what.substr(0, 80);
  return true;
}

void FaultyStatements::Meet(Plan& plan) {
  switch (fault_) {
    case SqlFault::kRaise: plan.script += Raise(state_); break;
    case SqlFault::kRaiseAtCommit:
      plan.script += "INSERT INTO public.fails_at_commit VALUES ('" + state_ + "');";
      break;
    case SqlFault::kEnd:
      plan.script += "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());";
      break;
    case SqlFault::kCut: plan.cut_before = true; break;
    case SqlFault::kCutAfter: plan.cut_after = true; break;
  }
}

void FaultyStatements::OnPrepare(const PGconn* connection, const std::string& name,
                                 const std::string& sql) {
  const std::lock_guard lock(mutex_);
  prepared_[{connection, name}] = sql;
}

FaultyStatements::Plan FaultyStatements::OnPipeline(const PGconn* connection,
                                                    const std::string& name) {
  const std::lock_guard lock(mutex_);
  const std::string sql = name.empty() ? "end of a pipeline" : prepared_[{connection, name}];
  Plan plan;
  if (before_ && sql.find(before_text_) != std::string::npos) {
    plan.before = std::exchange(before_, nullptr);
  }
  if (IsNext(sql)) Meet(plan);
  return plan;
}

FaultyStatements::Plan FaultyStatements::OnScript(const char* script) {
  const std::lock_guard lock(mutex_);
  Plan plan;
  const std::string whole = script;
  if (before_ && whole.find(before_text_) != std::string::npos) {
    plan.before = std::exchange(before_, nullptr);
  }
  if (!withhold_.empty() && whole.find(withhold_) != std::string::npos) {
    withheld_ = whole;
    withhold_.clear();
    plan.script = whole;
    plan.cut_before = true;
    return plan;
  }
  for (const std::string& statement : StatementsOf(whole)) {
    if (IsNext(statement)) Meet(plan);
    plan.script += statement;
  }
  return plan;
}

FaultyStatements::CopyPlan FaultyStatements::OnCopy(const char* what) {
  const std::lock_guard lock(mutex_);
  if (!IsNext(what)) return {};
  return {.fail = fault_ == SqlFault::kRaise || fault_ == SqlFault::kRaiseAtCommit,
          .cut_before = fault_ == SqlFault::kCut || fault_ == SqlFault::kEnd,
          .cut_after = fault_ == SqlFault::kCutAfter};
}

// Does to `call` of a script what the faults want.
template <typename Call>
auto WithScript(PGconn* connection, const char* script, const Call& call) {
  FaultyStatements* const faults = FaultsOf(connection);
  if (faults == nullptr) return call(script);
  const FaultyStatements::Plan plan = faults->OnScript(script);
  if (plan.before) plan.before();
  if (plan.cut_before) Cut(connection);
  auto result = call(plan.script.c_str());
  if (plan.cut_after) {
    FlushAll(connection);
    Cut(connection);
  }
  return result;
}

// The same to an execution, or to the end of a pipeline.
template <typename Call>
int InPipeline(PGconn* connection, const std::string& name, const Call& call) {
  FaultyStatements* const faults = FaultsOf(connection);
  if (faults == nullptr) return call();
  const FaultyStatements::Plan plan = faults->OnPipeline(connection, name);
  if (plan.before) plan.before();
  if (plan.cut_before) Cut(connection);
  if (!plan.script.empty()) {
    PQsendQueryParams(connection, plan.script.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0);
  }
  const int result = call();
  if (plan.cut_after) {
    FlushAll(connection);
    Cut(connection);
  }
  return result;
}

}  // namespace warren::testing

using warren::testing::Cut;
using warren::testing::FaultsOf;
using warren::testing::FaultyStatements;
using warren::testing::FlushAll;
using warren::testing::Real;

extern "C" {

int PQsendQuery(PGconn* connection, const char* script) {
  return warren::testing::WithScript(connection, script, [&](const char* changed) {
    return Real<int(PGconn*, const char*)>("PQsendQuery")(connection, changed);
  });
}

PGresult* PQexec(PGconn* connection, const char* script) {
  return warren::testing::WithScript(connection, script, [&](const char* changed) {
    return Real<PGresult*(PGconn*, const char*)>("PQexec")(connection, changed);
  });
}

int PQsendPrepare(PGconn* connection, const char* name, const char* sql, int count,
                  const Oid* types) {
  if (FaultyStatements* const faults = FaultsOf(connection)) {
    faults->OnPrepare(connection, name, sql);
  }
  return Real<int(PGconn*, const char*, const char*, int, const Oid*)>("PQsendPrepare")(
      connection, name, sql, count, types);
}

int PQsendQueryPrepared(PGconn* connection, const char* name, int count, const char* const* values,
                        const int* lengths, const int* formats, int result_format) {
  return warren::testing::InPipeline(connection, name, [&] {
    return Real<int(PGconn*, const char*, int, const char* const*, const int*, const int*, int)>(
        "PQsendQueryPrepared")(connection, name, count, values, lengths, formats, result_format);
  });
}

int PQpipelineSync(PGconn* connection) {
  return warren::testing::InPipeline(connection, "", [&] {
    return Real<int(PGconn*)>("PQpipelineSync")(connection);
  });
}

int PQputCopyData(PGconn* connection, const char* data, int size) {
  auto* const real = Real<int(PGconn*, const char*, int)>("PQputCopyData");
  FaultyStatements* const faults = FaultsOf(connection);
  if (faults == nullptr) return real(connection, data, size);
  const FaultyStatements::CopyPlan plan = faults->OnCopy("data of a COPY");
  if (plan.cut_before) Cut(connection);
  // Half of it is no COPY that the server understands.
  const int sent = real(connection, data, plan.fail ? size / 2 : size);
  if (plan.fail) {
    Real<int(PGconn*, const char*)>("PQputCopyEnd")(connection, "injected");
    return -1;
  }
  if (plan.cut_after) {
    FlushAll(connection);
    Cut(connection);
  }
  return sent;
}

int PQputCopyEnd(PGconn* connection, const char* error) {
  auto* const real = Real<int(PGconn*, const char*)>("PQputCopyEnd");
  FaultyStatements* const faults = FaultsOf(connection);
  if (faults == nullptr || error != nullptr) return real(connection, error);
  const FaultyStatements::CopyPlan plan = faults->OnCopy("end of a COPY");
  if (plan.cut_before) Cut(connection);
  const int ended = real(connection, plan.fail ? "injected" : nullptr);
  if (plan.cut_after) {
    FlushAll(connection);
    Cut(connection);
  }
  return ended;
}

}  // extern "C"
