// Hashes of passwords. The only part that hashes with libsodium, but for the cache of logins.
//
// Two kinds: argon2id, which is made here ("$argon2id$v=19$m=65536,t=2,p=1$…", takes 64 MiB and some
// tens of milliseconds by design), and "rabbitmq-sha256:" with what RabbitMQ exports as
// password_hash, which is read alone.
//
// Thread-safe. REQUIRES of all: InitialisePasswords.
#pragma once

#include <string>
#include <string_view>

namespace warren::auth {

// Once, before anything else here. False if the machine gives no random numbers.
bool InitialisePasswords();

// "" if there is no memory for it.
std::string HashPassword(std::string_view password);

// Of one of the two kinds, asking for at most 1 GiB.
bool IsPasswordHash(std::string_view hash);

// Compares in constant time.
bool PasswordMatches(const std::string& hash, std::string_view password);

// Takes as long as PasswordMatches, for users that there aren't: time tells nobody who exists.
void PretendToCheck(std::string_view password);

}  // namespace warren::auth
