"""What the names of columns and of feeds' elements mean, in several languages. Data, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

URLS = ("url", "href", "src", "link", "uri", "loc", "path")
NAMES = ("name", "label", "text", "value", "display name", "title")
VALUES = ("value", "amount", "text", "data")


@dataclass(frozen=True)
class Meaning:
    """One thing that columns hold. Each rank of ``names`` is a less likely place to find it.

    Ranks are separated by ``|``, names by commas. The first rank is the meaning's own: a column
    with such a name has it. ``@other`` stands for the own names of another meaning. ``looks`` is
    the form that samples have, ``carriers`` the inner elements that hold the value, and
    ``shared`` says that one value may serve all records.
    """

    names: str
    looks: str = ""
    carriers: tuple[str, ...] = VALUES
    shared: bool = False


MEANINGS: Mapping[str, Meaning] = {
    # texts
    "title": Meaning(
        """
        title, headline, product name, product title, job title, event name, position,
        post title, item title, heading, titel, titre, titulo, titolo, tytul, titulek,
        nadpis, uberschrift, ueberschrift, schlagzeile, produktname, produkttitel,
        artikelname, artikelbezeichnung, bezeichnung, nom produit, nombre producto,
        productnaam, product titel, stellentitel, nazwa produktu, nazev produktu, name,
        naam, nom, nombre, nome, nazwa, nazev, nazov,
        designation, libelle, objekttitel, display title
        | product, item name, caption, model name
        | subject, betreff, media title
        """
    ),
    "description": Meaning(
        """
        description, desc, product description, long description, job description,
        beschreibung, produktbeschreibung, langbeschreibung, descripcion, descrizione,
        descricao, omschrijving, beschrijving, opis, popis, details, popis produktu, opis
        produktu,
        descriptif
        | @summary
        | @content
        | media description
        """
    ),
    "summary": Meaning(
        """
        summary, abstract, excerpt, teaser, short description, intro, lead, description
        short, kurzbeschreibung, zusammenfassung, kurztext, vorspann, resume, extrait,
        chapo, resumen, samenvatting, korte omschrijving, streszczenie, skrot, perex,
        shrnuti, kratky popis
        | @description
        | subtitle
        | @content
        | media description
        """
    ),
    "subtitle": Meaning("subtitle, subheading, tagline, deck, kicker, untertitel, sous titre"),
    "content": Meaning(
        """
        content, body, full text, fulltext, article body, html, text, inhalt, volltext,
        contenu, contenido, cuerpo, texte, texto, inhoud, tekst, tresc, obsah, contenuto
        | @description
        | @summary
        """
    ),
    # addresses
    "link": Meaning(
        """
        link, url, href, permalink, loc, uri, page url, product url, product link, item
        url, web, webpage, deeplink, deep link, landing page, canonical, canonical url,
        lien, enlace, odkaz, lacze, adres url, url produktu, url produit, produkturl,
        produktlink, article url, post url, event url, job url, source url, detail url,
        website, homepage
        | guid
        """,
        looks="url",
        carriers=URLS,
    ),
    "apply link": Meaning(
        """
        apply url, apply link, apply, application url, application link, bewerbungslink,
        bewerbungsurl, lien candidature, sollicitatielink, url candidature
        | @link
        """,
        looks="url",
        carriers=URLS,
    ),
    "image": Meaning(
        """
        image, image link, image url, cover image, header image, lead image, preview image,
        picture, picture url, photo, img, img url, main
        image, product image, featured image, main picture, bild, bild url, produktbild,
        foto, afbeelding, imagen, immagine, imagem, zdjecie, obrazek, obraz, image
        produit, url image, lien image
        | thumbnail, thumb, cover, poster, artwork, vorschaubild, titelbild, vignette,
        miniatura, additional image link, gallery
        | enclosure, media file
        """,
        looks="image",
        carriers=URLS,
    ),
    "audio": Meaning(
        """
        audio, audio file, mp3, sound, episode url, audio download, podcast url, episode
        file
        | @enclosure
        | media, file, stream, download
        """,
        looks="audio",
        carriers=URLS,
    ),
    "video": Meaning(
        """
        video, video file, movie, clip, videodatei, film
        | @enclosure
        | media, file, stream, download
        """,
        looks="video",
        carriers=URLS,
    ),
    "enclosure": Meaning(
        """
        enclosure, media file, attachment, media, anhang, piece jointe, bijlage
        | audio, video, file
        """,
        looks="url",
        carriers=URLS,
    ),
    # times
    "published": Meaning(
        """
        published, pub date, publication date, publish date, date published, published at,
        posted, published on, date posted, posted at, posted on, post date, issued,
        release date, released, datum veroffentlicht, veroffentlicht, veroeffentlicht,
        veroffentlichungsdatum, publie, date publication, fecha publicacion, publicado,
        gepubliceerd, publicatiedatum, opublikowano, data publikacji, publikovano, datum
        vydani, erscheinungsdatum, erschienen
        | @date
        | @created
        | @updated
        """,
        looks="date",
    ),
    "date": Meaning(
        """
        date, datum, fecha, data, date time, datetime, timestamp, day, tag datum,
        zeitpunkt
        | @published
        | @created
        | @updated
        """,
        looks="date",
    ),
    "created": Meaning(
        """
        created, created at, creation date, date created, added, date added, created on,
        erstellt, erstellt am, erstellungsdatum, cree, date creation, creado, aangemaakt,
        utworzono, vytvoreno
        | @published
        | @date
        """,
        looks="date",
    ),
    "updated": Meaning(
        """
        updated, updated at, modified, modified at, last modified, lastmod, last updated,
        changed, last update, date modified, update date, modification date, last build
        date, date updated, geandert, aktualisiert, aktualisiert am, mis jour,
        actualizado, bijgewerkt, gewijzigd, zmieniono, zaktualizowano, aktualizovano
        | @date
        | @published
        """,
        looks="date",
    ),
    "start": Meaning(
        """
        start, start date, starts, start time, starts at, dtstart, begin, begins, begin
        date, from, event date, event start, event start date, beginn, anfang, startdatum,
        debut, date debut, inicio, fecha inicio, aanvang, begindatum, poczatek, zacatek,
        datum zacatku,
        start date time, startzeit
        | @date
        | when
        """,
        looks="date",
    ),
    "end": Meaning(
        """
        end, end date, ends, end time, ends at, dtend, finish, until, to, event end, event
        end date, ende, enddatum, fin, date fin, fecha fin, einde, einddatum, koniec,
        konec, datum konce,
        end date time, stop, endzeit
        """,
        looks="date",
    ),
    "expires": Meaning(
        """
        expires, expiry, expiry date, expiration date, expires at, valid until, valid
        through, deadline, closing date, apply by, application deadline, ablaufdatum,
        gultig bis, bewerbungsfrist, date limite, fecha limite, vervaldatum, platne do,
        termin
        """,
        looks="date",
    ),
    "duration": Meaning(
        """
        duration, runtime, run time, playtime, play time, dauer, laufzeit, spieldauer,
        duree, duracion, duur, czas trwania, delka, trvani, durata
        """
    ),
    # what identifies
    "id": Meaning(
        """
        id, guid, identifier, uid, uuid, item id, product id, offer id, external id,
        unique id, job id, event id, post id, entry id, reference, ref, kennung,
        identifiant, identificador, listing id, object id, episode guid, referentie,
        reference number, reference no, referencenumber, requisition id, referenznummer, unieke code
        | @sku
        | @mpn
        """
    ),
    "sku": Meaning(
        """
        sku, article number, article no, article id, item number, item no, product number,
        part no, product code, product no, stock code, artikelnummer, artikelnr, artikel
        nr, artnr, art nr, bestellnummer, code article, reference produit, codigo, codigo
        producto, productcode, kod produktu, kod, referencia, code produit, supplier aid,
        produktnummer
        | @id
        | @mpn
        """
    ),
    "mpn": Meaning(
        """
        mpn, manufacturer part number, part number, model number, herstellernummer, vendor
        code, herstellerartikelnummer, kod producenta, reference fabricant, han, productno
        | model
        """
    ),
    "gtin": Meaning(
        """
        gtin, ean, upc, barcode, ean code, gtin 8, gtin 12, gtin 13, gtin 14, ean 13, ean
        8, upc a, ean upc, code ean, kod ean, strichcode, code barre, codigo barra,
        streepjescode, kod kreskowy, carovy kod, jan
        | @isbn
        """,
        looks="digits",
    ),
    "isbn": Meaning(
        """
        isbn, isbn 13, isbn 10, numero isbn
        | @gtin
        """
    ),
    # what it costs
    "price": Meaning(
        """
        price, price vat, gross price, price incl vat, price with vat, current price, unit
        price, selling price, price amount, preis, bruttopreis, verkaufspreis, preis
        brutto, prix, prix ttc, precio, prijs, cena, cena brutto, cena dph, prezzo, preco,
        amount, cost, betrag, kosten, montant, importe, kwota, castka, bedrag, pris,
        ticket price
        | regular price, net price, price net, normal price, nettopreis
        """,
        looks="number",
    ),
    "sale price": Meaning(
        """
        sale price, special price, discount price, offer price, reduced price, promo
        price, angebotspreis, sonderpreis, aktionspreis, prix promo, prix solde, precio
        oferta, aanbiedingsprijs, cena promocyjna, akcni cena, discounted price
        """,
        looks="number",
    ),
    "old price": Meaning(
        """
        old price, list price, rrp, msrp, original price, was price, price old, regular
        price, uvp, streichpreis, prix barre, precio anterior, adviesprijs, cena
        katalogowa, base price, compare at price, standard price, puvodni cena
        """,
        looks="number",
    ),
    "shipping": Meaning(
        """
        shipping, shipping price, shipping cost, delivery price, delivery cost,
        versandkosten, frais port, frais livraison, gastos envio, verzendkosten, koszt
        dostawy, cena dopravy, doprava, versand, delivery fee, shipping fee
        """,
        looks="number",
    ),
    "currency": Meaning(
        """
        currency, currency code, currency id, price currency, iso currency, wahrung,
        waehrung, devise, moneda, divisa, valuta, waluta, mena, moeda, kod waluty
        """,
        looks="code",
        carriers=(*VALUES, "code", "id"),
        shared=True,
    ),
    "salary": Meaning(
        """
        salary, salary range, wage, pay, compensation, base salary, gehalt, lohn,
        verdienst, salaire, remuneration, salario, salaris, loon, wynagrodzenie, pensja,
        mzda, plat, stipendio
        """
    ),
    # what a shop says of a product
    "stock": Meaning(
        """
        stock, quantity, qty, stock quantity, inventory, stock level, quantity in stock,
        on hand, available quantity, bestand, lagerbestand, menge, anzahl, cantidad,
        existencia, voorraad, aantal, ilosc, stan, stan magazynowy, sklad, mnozstvi,
        quantite, amount in stock, inventory quantity, pocet kusu
        | @availability
        """
    ),
    "availability": Meaning(
        """
        availability, available, in stock, stock status, stock state, instock,
        verfugbarkeit, verfuegbarkeit, lieferbar, disponibilite, disponibilidad,
        disponible, beschikbaarheid, dostepnosc, dostupnost, avail, disponibilita,
        levertijd
        | @stock
        """
    ),
    "brand": Meaning(
        """
        brand, marke, marque, marca, merk, marka, znacka, product brand, brand name,
        markenname
        | @manufacturer
        | vendor
        """,
        carriers=NAMES,
        shared=True,
    ),
    "manufacturer": Meaning(
        """
        manufacturer, maker, producer, hersteller, fabricant, fabricante, fabrikant,
        producent, vyrobce, produttore, manufacturer name, herstellername
        | @brand
        | vendor
        """,
        carriers=NAMES,
        shared=True,
    ),
    "color": Meaning(
        """
        color, colour, farbe, couleur, colores, kleur, kolor, barva, colore, cor
        """
    ),
    "size": Meaning(
        """
        size, grosse, groesse, taille, talla, tamano, maat, rozmiar, velikost
        """
    ),
    "weight": Meaning(
        """
        weight, gewicht, poids, peso, waga, hmotnost, vaha, shipping weight, product
        weight
        """
    ),
    "condition": Meaning(
        """
        condition, zustand, etat, estado, conditie, stan produktu, stav
        """
    ),
    "material": Meaning(
        """
        material, werkstoff, matiere, materiaal, materiale
        """
    ),
    "gender": Meaning(
        """
        gender, sex, geschlecht, genre sexe, genero, geslacht, plec, pohlavi
        """
    ),
    # what groups
    "category": Meaning(
        """
        category, category path, category name, product type, product category, section,
        genre, google product category, category text, topic, department, kategorie,
        kategoriename, rubrik, warengruppe, produktkategorie, categorie, rubrique, rayon,
        categoria, seccion, kategoria, ressort, afdeling, sekcja, rubrika, thema, merchant
        category, category full,
        cat
        | @tag
        """,
        carriers=(*NAMES, "term", "path"),
        shared=True,
    ),
    "tag": Meaning(
        """
        tag, keyword, schlagwort, schlagworte, stichwort, mot cle, etiqueta, palabra
        clave, trefwoord, slowa kluczowe, klicova slova, stitek, labels
        | @category
        """,
        carriers=(*NAMES, "term"),
    ),
    # who
    "author": Meaning(
        """
        author, creator, byline, writer, written by, posted by, by, autor, autorin,
        verfasser, redakteur, auteur, autore, schrijver, redactor, author name, autorname
        | contributor, owner, artist
        | publisher
        """,
        looks="person",
        carriers=NAMES,
        shared=True,
    ),
    "publisher": Meaning(
        """
        publisher, source, site name, verlag, herausgeber, quelle, editeur, editorial,
        uitgever, bron, fuente, wydawca, zrodlo, vydavatel, zdroj, publisher name, source
        name
        """,
        carriers=NAMES,
        shared=True,
    ),
    "company": Meaning(
        """
        company, company name, employer, hiring organization, organization, organisation,
        firm, unternehmen, firma, arbeitgeber, entreprise, societe, employeur, empresa,
        bedrijf, bedrijfsnaam, werkgever, pracodawca, zamestnavatel, spolecnost, azienda,
        advertiser, organizer, organiser, veranstalter, unternehmensname, firmenname,
        employer name
        """,
        carriers=NAMES,
        shared=True,
    ),
    "contact": Meaning(
        """
        contact, contact person, contact name, kontakt, kontaktperson, ansprechpartner, agent,
        seller, dealer, makler, verkaufer, vendeur, vendedor, contactpersoon, interlocuteur
        """,
        carriers=NAMES,
    ),
    "first name": Meaning(
        """
        first name, given name, forename, vorname, prenom, voornaam, imie, jmeno, nombre pila
        """
    ),
    "last name": Meaning(
        """
        last name, surname, family name, nachname, familienname, apellido, achternaam,
        nazwisko, prijmeni, nom famille
        """
    ),
    "birthday": Meaning(
        """
        birthday, birth date, date birth, dob, geburtsdatum, geburtstag, date naissance,
        fecha nacimiento, geboortedatum
        """,
        looks="date",
    ),
    "email": Meaning(
        """
        email, e mail, mail, email address, contact email, e mail adresse, emailadresse,
        courriel, correo, correo electronico, e mailadres, adres email,
        email direkt, email zentrale
        """,
        looks="email",
    ),
    "phone": Meaning(
        """
        phone, telephone, tel, phone number, telephone number, mobile, telefon,
        telefonnummer, mobil, rufnummer, telefono, telefoon, telefoonnummer, numer
        telefonu, contact phone, handy
        """
    ),
    # where
    "city": Meaning(
        """
        city, town, locality, address locality, municipality, ort, stadt, ville, ciudad,
        localidad, stad, plaats, miasto, miejscowosc, mesto, obec, citta, cidade, wohnort
        | @location
        """,
        carriers=NAMES,
        shared=True,
    ),
    "location": Meaning(
        """
        location, place, job location, where, standort, arbeitsort, einsatzort, lieu,
        ubicacion, lugar, locatie, standplaats, lokalizacja, miejsce, lokalita, misto,
        luogo, location name
        | @city
        | @venue
        | @address
        """,
        carriers=NAMES,
        shared=True,
    ),
    "venue": Meaning(
        """
        venue, venue name, place name, hall, theater, theatre, veranstaltungsort,
        spielort, salle, recinto, zaal, misto konani, miejsce wydarzenia, spielstatte,
        location name, sede
        | @location
        """,
        carriers=NAMES,
        shared=True,
    ),
    "address": Meaning(
        """
        address, street, street address, full address, address line, address line 1,
        adresse, anschrift, strasse, rue, direccion, calle, adres, straat, ulica, adresa,
        ulice, indirizzo
        | @location
        """,
        carriers=(*VALUES, "street", "line"),
        shared=True,
    ),
    "country": Meaning(
        """
        country, country code, land, pays, pais, kraj, zeme, stat, address country, paese
        """,
        carriers=(*NAMES, "code"),
        shared=True,
    ),
    "region": Meaning(
        """
        region, state, province, county, address region, bundesland, provincia, provincie,
        wojewodztwo, kraj oblast, departement
        """,
        carriers=NAMES,
        shared=True,
    ),
    "postcode": Meaning(
        """
        postcode, postal code, zip, zip code, zipcode, plz, postleitzahl, code postal, cp,
        psc, codigo postal, kod pocztowy, post code
        """
    ),
    "latitude": Meaning(
        """
        latitude, lat, geo lat, breitengrad, latitud, szerokosc geograficzna
        """,
        looks="number",
    ),
    "longitude": Meaning(
        """
        longitude, long, lng, lon, geo long, langengrad, longitud, dlugosc geograficzna
        """,
        looks="number",
    ),
    "elevation": Meaning("elevation, ele, altitude, alt, hohe, altitud, hoogte", looks="number"),
    "area": Meaning(
        """
        area, living area, floor area, surface, wohnflache, flache, surface habitable,
        superficie, oppervlakte, powierzchnia
        """,
        looks="number",
    ),
    "rooms": Meaning(
        """
        rooms, number rooms, room count, zimmer, anzahl zimmer, zimmeranzahl, pieces,
        habitaciones, kamers, pokoje
        """
    ),
    "language": Meaning(
        """
        language, lang, locale, language code, sprache, langue, idioma, taal, jezyk,
        jazyk, lingua
        """,
        looks="code",
        carriers=(*VALUES, "code"),
        shared=True,
    ),
    # what a job says
    "job type": Meaning(
        """
        job type, employment type, contract type, contract, working time,
        beschaftigungsart, anstellungsart, vertragsart, type contrat, tipo contrato,
        dienstverband, typ umowy, druh uvazku, schedule type, arbeitszeit,
        contracttype
        """
    ),
    "rights": Meaning(
        """
        rights, copyright, license, licence, lizenz, licencia, licencja
        """,
        shared=True,
    ),
}

# Elements whose prefix, not their name, says what they are.
WHOLE_SEGMENTS = {
    "media:content": "media file",
    "content:encoded": "content",
    "content:items": "",
    "media:description": "media description",
    "media:title": "media title",
    "dc:subject": "category",
    "itunes:keywords": "keyword",
    "dc:source": "publisher",
    "itunes:category": "category",
}
