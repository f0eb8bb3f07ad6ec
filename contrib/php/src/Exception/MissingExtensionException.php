<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * This PHP cannot make the socket that rpcd listens on.
 */
final class MissingExtensionException extends RpcdException
{
    public function __construct()
    {
        parent::__construct(
            "rpcd's client needs PHP's sockets extension (ext-sockets): Debian's php-common has it and enables it "
            . 'with "phpenmod sockets"; a PHP built from source has it with --enable-sockets.',
        );
    }
}
