#include "server/auth/credentials.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "absl/status/status.h"

namespace warren::auth {
namespace {

// What gRPC lets through is 8 KiB of metadata in all.
constexpr size_t kMaxAuthorizationBytes = 8192;

// What stands behind `scheme` and a blank, if the header begins with it, in any case.
std::string_view After(std::string_view scheme, std::string_view header) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return {};
  for (size_t i = 0; i < scheme.size(); ++i) {
    const char c = header[i];
    if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != scheme[i]) return {};
  }
  header.remove_prefix(scheme.size() + 1);
  while (header.starts_with(' ')) header.remove_prefix(1);
  return header;
}

}  // namespace

Mechanism MechanismOf(const Credentials& credentials) {
  if (!After("bearer", credentials.authorization).empty()) return Mechanism::kBearer;
  if (!credentials.authorization.empty()) return Mechanism::kBasic;
  return credentials.certificates.empty() ? Mechanism::kNone : Mechanism::kCertificate;
}

absl::StatusOr<BasicLogin> ParseBasic(std::string_view authorization) {
  const std::string_view text = After("basic", authorization);
  if (text.empty() || authorization.size() > kMaxAuthorizationBytes) {
    return absl::InvalidArgumentError("authorization is neither Basic nor Bearer");
  }
  std::string decoded(text.size(), '\0');
  size_t size = 0;
  const bool whole =
      sodium_base642bin(reinterpret_cast<unsigned char*>(decoded.data()), decoded.size(),
                        text.data(), text.size(), nullptr, &size, nullptr,
                        text.ends_with('=') || text.size() % 4 == 0
                            ? sodium_base64_VARIANT_ORIGINAL
                            : sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
  decoded.resize(whole ? size : 0);
  const size_t colon = decoded.find(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError("authorization is not Basic with user:password in base64");
  }
  return BasicLogin{decoded.substr(0, colon), decoded.substr(colon + 1)};
}

std::string_view ParseBearer(std::string_view authorization) {
  return authorization.size() > kMaxAuthorizationBytes ? std::string_view()
                                                       : After("bearer", authorization);
}

std::string AddressOf(std::string_view peer) {
  const size_t scheme = peer.find(':');
  if (scheme == std::string_view::npos || !peer.starts_with("ipv")) return std::string(peer);
  std::string_view address = peer.substr(scheme + 1);
  address = address.substr(0, address.rfind(':'));
  constexpr std::string_view kOpen = "%5B";
  constexpr std::string_view kClose = "%5D";
  if (address.starts_with(kOpen) && address.ends_with(kClose)) {
    address.remove_prefix(kOpen.size());
    address.remove_suffix(kClose.size());
  } else if (address.starts_with('[') && address.ends_with(']')) {
    address.remove_prefix(1);
    address.remove_suffix(1);
  }
  return std::string(address);
}

}  // namespace warren::auth
