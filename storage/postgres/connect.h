// Why a connection can't be made. Thread-safe: functions only.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace warren::storage {

// libpq tells the words of a server that refuses a connection, in the server's language, but not
// the SQLSTATE; so this asks once more, in the way that tells it. `where` is the redacted URL,
// `parameters` as of ConnectionString, `first_answer` what the first attempt said.
absl::Status WhyNot(const std::string& where, const std::string& parameters,
                    const std::string& first_answer);

}  // namespace warren::storage
