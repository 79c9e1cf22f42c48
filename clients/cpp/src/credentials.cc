#include "warren/client/credentials.h"

#include <grpcpp/security/credentials.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "warren/client/error.h"

namespace warren::client {
namespace {

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace

std::string BasicAuthorization(std::string_view user, std::string_view password) {
  return absl::StrCat("Basic ",
                      absl::Base64Escape(absl::StrCat(Absl(user), ":", Absl(password))));
}

std::string BearerAuthorization(std::string_view token) {
  return absl::StrCat("Bearer ", Absl(token));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(const TlsFiles& files) {
  grpc::SslCredentialsOptions options;
  for (const auto& [path, text] : {std::pair(&files.ca, &options.pem_root_certs),
                                   std::pair(&files.certificate, &options.pem_cert_chain),
                                   std::pair(&files.key, &options.pem_private_key)}) {
    if (path->empty()) continue;
    std::ifstream file(*path, std::ios::binary);
    text->assign(std::istreambuf_iterator<char>(file), {});
    if (!file || text->empty()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "TLS_FILE_INVALID",
                       "can't read \"" + *path + "\", or it is empty");
    }
  }
  return grpc::SslCredentials(options);
}

}  // namespace warren::client
