"""From a folder or a download to volumes with people, masks and lesions."""
