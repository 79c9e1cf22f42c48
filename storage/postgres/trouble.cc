#include "storage/postgres/trouble.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/absl_view.h"

namespace warren::storage {
namespace {

using Code = absl::StatusCode;

struct Kind {
  std::string_view state;  // the beginning of the SQLSTATE; the first that fits counts
  Code code;
  std::string_view remedy;
};

constexpr std::string_view kPasses = "it is tried again until it works";

// Of PostgreSQL's Appendix A, "Error Codes".
constexpr Kind kKinds[] = {
    {kStateDeposed, Code::kAborted, "another broker owns the database now"},
    {kStateBatchIsThere, Code::kAlreadyExists, "please report it"},
    {kStateBatchOutOfOrder, Code::kInternal, "please report it"},

    {"28P01", Code::kUnauthenticated,
     "check the user's name in the URL and the password (in --storage-password-file or the URL)"},
    {"28", Code::kUnauthenticated,
     "create the role, or let it in from this machine in the server's pg_hba.conf"},
    {"3D000", Code::kFailedPrecondition,
     "create it: CREATE DATABASE name OWNER role ENCODING 'UTF8' TEMPLATE template0"},
    {"42501", Code::kPermissionDenied,
     "let the broker's role own the database, or grant it CREATE on the database once and let it "
     "own the schema warren: ALTER SCHEMA warren OWNER TO role"},
    {"3F000", Code::kFailedPrecondition,
     "the schema warren was dropped or changed; restore it from a backup, or drop what is left of "
     "it and start the broker to begin anew"},
    {"42", Code::kFailedPrecondition,
     "tables of the schema warren were dropped or changed; restore them from a backup, or DROP "
     "SCHEMA warren CASCADE and start the broker to begin anew"},

    {"25006", Code::kUnavailable,
     "the server is read-only, as a standby is; it is tried again until it is writable, or name "
     "all servers in the URL with target_session_attrs=read-write"},
    {"53100", Code::kUnavailable, "the server's disk is full; it goes on when there is room"},
    {"53200", Code::kUnavailable,
     "the server lacks memory, or room for locks: raise max_locks_per_transaction if it says so; "
     "it is tried again"},
    {"53300", Code::kUnavailable,
     "the server has no connection to spare; raise max_connections or close others"},
    {"57014", Code::kUnavailable,
     "it was cancelled or took longer than statement_timeout; raise that for the broker's role: "
     "ALTER ROLE role SET statement_timeout = 0"},
    {"55P03", Code::kUnavailable,
     "somebody holds a lock on a table of the broker (see pg_locks); it is tried again"},
    {"58P01", Code::kDataLoss, "a file of the server is gone; restore from a backup"},
    {"XX001", Code::kDataLoss, "the server's files are damaged; restore from a backup"},
    {"XX002", Code::kDataLoss, "the server's indexes are damaged; REINDEX, or restore"},

    {"08", Code::kUnavailable, kPasses},
    {"25", Code::kUnavailable, kPasses},
    {"40", Code::kUnavailable, kPasses},
    {"53", Code::kUnavailable, "the server lacks room, memory or connections; it is tried again"},
    {"55", Code::kUnavailable, kPasses},
    {"57", Code::kUnavailable, kPasses},
    {"58", Code::kUnavailable, "the server has trouble with its disk; see its log"},
    {"54", Code::kInvalidArgument, "it is beyond what PostgreSQL can hold"},
};

const Kind& KindOf(std::string_view state) {
  static constexpr Kind kBroken{"", Code::kUnavailable, kPasses};
  static constexpr Kind kUnexpected{"", Code::kInternal,
                                    "this was not expected; see the server's log and report it"};
  if (state.empty()) return kBroken;
  const auto* const kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) {
    return state.substr(0, k.state.size()) == k.state;
  });
  return kind == std::end(kKinds) ? kUnexpected : *kind;
}

// One line.
std::string Flat(std::string_view message) {
  std::string flat(message);
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  std::replace_if(flat.begin(), flat.end(), is_space, ' ');
  absl::RemoveExtraAsciiWhitespace(&flat);
  return flat;
}

absl::Status Make(const Kind& kind, std::string_view where, std::string_view doing,
                  std::string_view state, std::string_view message) {
  std::string text = absl::StrCat(Absl(where), ": can't ", Absl(doing), ": ", Flat(message));
  if (!state.empty()) absl::StrAppend(&text, " (SQLSTATE ", Absl(state), ")");
  absl::StrAppend(&text, "; ", Absl(kind.remedy));
  return absl::Status(kind.code, text);
}

// The five characters before the message in "FATAL:  28P01: …"; empty if there are none.
std::string_view StateIn(std::string_view line) {
  constexpr size_t kLength = 5;
  size_t end = line.find(": ");
  for (; end != std::string_view::npos; end = line.find(": ", end + 1)) {
    if (end < kLength + 1 || line[end - kLength - 1] != ' ') continue;
    const std::string_view word = line.substr(end - kLength, kLength);
    const bool fits = std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return std::isdigit(c) != 0 || std::isupper(c) != 0;
    });
    if (fits && std::any_of(word.begin(), word.end(), [](unsigned char c) {
          return std::isdigit(c) != 0;
        })) {
      return word;
    }
  }
  return {};
}

}  // namespace

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnauthenticated(status) ||
         absl::IsPermissionDenied(status);
}

absl::Status SqlTrouble(std::string_view where, std::string_view doing, std::string_view state,
                        std::string_view message) {
  return Make(KindOf(state), where, doing, state, message);
}

absl::Status ConnectTrouble(std::string_view where, std::string_view message) {
  std::string said;
  std::string_view worst_state;
  bool any = false;
  for (const absl::string_view absl_line : absl::StrSplit(Absl(message), '\n')) {
    const std::string_view line(absl_line.data(), absl_line.size());
    // LOCATION is where in the server's source it was raised.
    if (line.empty() || line.starts_with("LOCATION:")) continue;
    absl::StrAppend(&said, said.empty() ? "" : " ", absl_line);
    // Lines that go on about the attempt before.
    if (any && !line.starts_with("connection to ")) continue;
    const std::string_view state = StateIn(line);
    if (!any || KindOf(state).code == Code::kUnavailable) worst_state = state;
    any = true;
  }
  // The state stands in the text already.
  return Make(KindOf(worst_state), where, "connect", "", said);
}

}  // namespace warren::storage
