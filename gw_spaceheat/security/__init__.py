"""Who is who on a link: certificates, and a broker's files that hold everybody to the own name."""
