#include "server/auth/password.h"

#include <sodium.h>

#include <array>
#include <charconv>
#include <cstring>

namespace warren::auth {
namespace {

constexpr std::string_view kArgon = "$argon2id$v=19$m=";
constexpr std::string_view kRabbit = "rabbitmq-sha256:";
constexpr size_t kSaltBytes = 4;
constexpr uint64_t kMaxMemoryKiB = uint64_t{1} << 20;

// RabbitMQ's: salt, then SHA-256 of salt and password; both in base64.
using RabbitHash = std::array<unsigned char, kSaltBytes + crypto_hash_sha256_BYTES>;

bool ReadRabbitHash(std::string_view hash, RabbitHash& bytes) {
  const std::string_view text = hash.substr(kRabbit.size());
  size_t size = 0;
  return sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size,
                           nullptr, sodium_base64_VARIANT_ORIGINAL) == 0 &&
         size == bytes.size();
}

bool RabbitMatches(std::string_view hash, std::string_view password) {
  RabbitHash stored;
  if (!ReadRabbitHash(hash, stored)) return false;
  std::array<unsigned char, crypto_hash_sha256_BYTES> computed;
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, stored.data(), kSaltBytes);
  crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(password.data()),
                            password.size());
  crypto_hash_sha256_final(&state, computed.data());
  return sodium_memcmp(computed.data(), stored.data() + kSaltBytes, computed.size()) == 0;
}

}  // namespace

bool InitialisePasswords() { return sodium_init() >= 0; }

std::string HashPassword(std::string_view password) {
  std::array<char, crypto_pwhash_STRBYTES> hash;
  if (crypto_pwhash_str_alg(hash.data(), password.data(), password.size(),
                            crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return "";
  }
  return hash.data();
}

bool IsPasswordHash(std::string_view hash) {
  if (hash.starts_with(kRabbit)) {
    RabbitHash bytes;
    return ReadRabbitHash(hash, bytes);
  }
  if (!hash.starts_with(kArgon) || hash.size() >= crypto_pwhash_STRBYTES) return false;
  const std::string_view memory = hash.substr(kArgon.size());
  uint64_t kib = 0;
  if (std::from_chars(memory.data(), memory.data() + memory.size(), kib).ec != std::errc()) {
    return false;
  }
  // Says whether it is one at all: -1 for what can't be read.
  return kib <= kMaxMemoryKiB &&
         crypto_pwhash_str_needs_rehash(std::string(hash).c_str(),
                                        crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                        crypto_pwhash_MEMLIMIT_INTERACTIVE) >= 0;
}

bool PasswordMatches(const std::string& hash, std::string_view password) {
  if (hash.starts_with(kRabbit)) return RabbitMatches(hash, password);
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

void PretendToCheck(std::string_view password) {
  static const std::string kNobodys = HashPassword("nobody");
  static_cast<void>(PasswordMatches(kNobodys, password));
}

}  // namespace warren::auth
