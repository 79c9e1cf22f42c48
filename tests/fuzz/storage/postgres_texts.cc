// Goal: texts about PostgreSQL that others write (the URL of --storage, what libpq and the server
// say) give a status or a text, and what is shown of a URL never holds its password.
// Method: any text, and URLs put together from parts with a password that is recognised wherever it
// turns up.
#include <cstdint>
#include <string>
#include <string_view>

#include "server/base/check.h"
#include "storage/postgres/access.h"
#include "storage/postgres/trouble.h"
#include "tests/fuzz/support/input.h"

namespace warren::storage {
namespace {

constexpr std::string_view kPassword = "pAssw0rd-of-the-test";
constexpr std::string_view kReserved(":@/?#[]=&\0", 10);

bool Tells(std::string_view text) { return text.find(kPassword) != std::string_view::npos; }

// `secret`: the URL holds the password in one of the places that are for it.
void Url(const std::string& url, bool secret) {
  const std::string shown = Redacted(url);
  const absl::StatusOr<std::string> parameters = ConnectionString({.url = url}, "fuzzer");
  if (!secret) return;
  WARREN_CHECK(!Tells(shown));
  WARREN_CHECK(parameters.ok() || !Tells(std::string(parameters.status().message())));
}

void SecretUrl(fuzz::Input& in) {
  static constexpr const char* kSchemes[] = {"postgres://", "postgresql://"};
  std::string url = in.OneOf(kSchemes);
  const std::string password(kPassword);
  // A user's name or a password that isn't percent-encoded ends the place for it.
  std::string user = in.Text(8);
  std::erase_if(user, [](char c) { return kReserved.find(c) != std::string_view::npos; });
  if (in.Coin()) {
    url += user + ":" + password + "@" + in.Text(64);
  } else {
    url += "host/db?password=" + password + "&" + in.Text(64);
  }
  // The fuzzer learns the word, and puts it where it belongs to no password.
  Url(url, url.find(kPassword) == url.rfind(kPassword));
}

void Trouble(fuzz::Input& in) {
  const std::string state = in.Text(8);
  const std::string message = in.Rest();
  const absl::Status sql = SqlTrouble("postgres://host/db", "read", state, message);
  WARREN_CHECK(!sql.ok() && !sql.message().empty());
  const absl::Status connect = ConnectTrouble("postgres://host/db", message);
  WARREN_CHECK(!connect.ok());
  MayPass(connect);
}

}  // namespace
}  // namespace warren::storage

void warren::fuzz::TestOne(Input& input) {
  switch (input.Below(3)) {
    case 0: return storage::Url(input.Rest(), false);
    case 1: return storage::SecretUrl(input);
    default: return storage::Trouble(input);
  }
}
