#include "tools/login/login_flags.h"

#include <cstdlib>
#include <fstream>

#include "warren/client/error.h"

namespace warren::tools {
namespace {

absl::Status Wrong(const std::string& message) {
  return client::MakeError(absl::StatusCode::kInvalidArgument, "LOGIN_INVALID", message);
}

// The first line of a file, or else of a variable.
absl::Status Secret(const std::string& path, const char* variable, std::string& secret) {
  if (path.empty()) {
    const char* value = std::getenv(variable);
    secret = value == nullptr ? "" : value;
    return absl::OkStatus();
  }
  std::ifstream file(path);
  if (!std::getline(file, secret)) return Wrong("can't read \"" + path + "\"");
  return absl::OkStatus();
}

}  // namespace

void LoginFlags::AddTo(CLI::App& app) {
  app.add_option("--user", user_, "User; the password is in --password-file or WARRENCTL_PASSWORD")
      ->envname("WARRENCTL_USER");
  app.add_option("--password-file", password_file_, "File with the user's password")
      ->envname("WARRENCTL_PASSWORD_FILE");
  app.add_option("--token-file", token_file_,
                 "File with a token instead of user and password; or WARRENCTL_TOKEN")
      ->envname("WARRENCTL_TOKEN_FILE");
  app.add_flag("--tls", tls_, "Speak TLS, with the system's authorities unless --tls-ca names others")
      ->envname("WARRENCTL_TLS");
  app.add_option("--tls-ca", files_.ca, "PEM file of authorities that vouch for the broker; means --tls")
      ->envname("WARRENCTL_TLS_CA");
  app.add_option("--tls-cert", files_.certificate, "PEM file of one's own certificate; means --tls")
      ->envname("WARRENCTL_TLS_CERT");
  app.add_option("--tls-key", files_.key, "PEM file of its private key")->envname("WARRENCTL_TLS_KEY");
}

absl::Status LoginFlags::Apply(client::ConnectionOptions& options) const {
  if (files_.certificate.empty() != files_.key.empty()) {
    return Wrong("--tls-cert and --tls-key go together");
  }
  if (tls_ || !files_.ca.empty() || !files_.certificate.empty()) {
    auto credentials = client::TlsCredentials(files_);
    if (!credentials.ok()) return credentials.status();
    options.credentials = *std::move(credentials);
  }
  std::string password;
  std::string token;
  if (absl::Status s = Secret(password_file_, "WARRENCTL_PASSWORD", password); !s.ok()) return s;
  if (absl::Status s = Secret(token_file_, "WARRENCTL_TOKEN", token); !s.ok()) return s;
  if (!user_.empty() && !token.empty()) return Wrong("give a user or a token, not both");
  std::string header;
  if (!user_.empty()) header = client::BasicAuthorization(user_, password);
  if (!token.empty()) header = client::BearerAuthorization(token);
  if (!header.empty()) options.authorization = [header] { return header; };
  return absl::OkStatus();
}

}  // namespace warren::tools
