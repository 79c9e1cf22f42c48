// The flags by which a tool says who it is. Secrets come from files or the environment, never from
// the command line, which everybody on the machine can read.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "warren/client/connection.h"
#include "warren/client/credentials.h"

namespace warren::tools {

class LoginFlags {
 public:
  void AddTo(CLI::App& app);

  // Enters what was given. INVALID_ARGUMENT names the flag or file that is wrong.
  absl::Status Apply(client::ConnectionOptions& options) const;

 private:
  std::string user_;
  std::string password_;
  std::string password_file_;
  std::string token_;
  std::string token_file_;
  bool tls_ = false;
  client::TlsFiles files_;
};

}  // namespace warren::tools
